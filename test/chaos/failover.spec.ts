import { describeFailovers, FAILOVERS } from '../support/describe-failover.js';

describeFailovers(Object.keys(FAILOVERS) as (keyof typeof FAILOVERS)[], 1);
