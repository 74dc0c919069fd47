import { describeSimulation } from '../support/describe-simulation.js';

describeSimulation(40, 800, 1_200_000);
