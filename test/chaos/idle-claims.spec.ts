import { describeIdleClaims } from '../support/idle-claims.js';

describeIdleClaims(60);
