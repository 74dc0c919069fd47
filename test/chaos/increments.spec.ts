import { describeIncrements } from '../support/increments.js';

describeIncrements(10_000, 10_000, 1_200_000);
