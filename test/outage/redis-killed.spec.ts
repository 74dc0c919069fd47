import { describeOutages } from '../support/outage/describe-outages.js';

// The short forms; test/chaos has the long ones.
describeOutages({ fallback: 'none', faults: ['kill redis'], count: 4, clients: 6, patienceMs: 90_000 });
describeOutages({
  fallback: 'memory',
  faults: ['kill redis', 'kill replica', 'silence', 'cut'],
  count: 6,
  clients: 6,
  patienceMs: 90_000,
});
