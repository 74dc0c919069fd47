import { describeIncrements } from '../support/increments.js';

// The short form; test/chaos has the long one.
describeIncrements(400, 600, 120_000);
