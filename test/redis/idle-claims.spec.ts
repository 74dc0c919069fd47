import { describeIdleClaims } from '../support/idle-claims.js';

// The short form; test/chaos has the minute.
describeIdleClaims(8);
