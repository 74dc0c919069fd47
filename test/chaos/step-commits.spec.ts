import { describeStepCommits } from '../support/step-commits.js';

describeStepCommits({ workflows: 50, stepsEach: 100, kills: 40, patienceMs: 600_000 });
