import { describeFailovers } from '../support/describe-failover.js';

// The short form; test/chaos has all of them.
describeFailovers(['a Sentinel master that is killed', 'slots of a Cluster that move'], 1);
