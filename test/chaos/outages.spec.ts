import { describeOutages } from '../support/outage/describe-outages.js';

describeOutages({ fallback: 'none', faults: ['kill redis'], count: 20, clients: 12, patienceMs: 300_000 });
describeOutages({ fallback: 'memory', faults: ['kill redis'], count: 20, clients: 12, patienceMs: 300_000 });
describeOutages({
  fallback: 'memory',
  faults: ['kill redis', 'hang redis', 'cut', 'silence', 'latency', 'kill replica'],
  count: 36,
  clients: 12,
  patienceMs: 600_000,
});
