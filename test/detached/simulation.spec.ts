import { describeSimulation } from '../support/describe-simulation.js';

// The short form; test/chaos has the long one.
describeSimulation(3, 400, 120_000);
