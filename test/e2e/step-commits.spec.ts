import { describeStepCommits } from '../support/step-commits.js';

// The short form; test/chaos has the long one.
describeStepCommits({ workflows: 10, stepsEach: 30, kills: 3, patienceMs: 120_000 });
