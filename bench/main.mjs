// npm run bench [-- get put … | growth] [--engine redis] [--quick] [--json file]
import { writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { benchGrowth } from './growth.mjs';
import { endAll } from './processes.mjs';
import { benchRequests } from './requests.mjs';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    engine: { type: 'string', multiple: true },
    quick: { type: 'boolean' },
    json: { type: 'string' },
    rounds: { type: 'string' },
  },
});
const engines = values.engine ?? ['redis', 'memory'];
const rounds = Number(values.rounds ?? (values.quick ? 1 : 3));
const only = positionals.filter((word) => word !== 'growth').map((word) => word.toLowerCase());
const growth = positionals.includes('growth');

process.on('SIGINT', () => {
  endAll();
  process.exit(130);
});
process.stdout.write(`${cpus()[0]?.model}, ${cpus().length} cores, Node ${process.version}\n`);
try {
  const results = {
    requests:
      growth && only.length === 0
        ? []
        : await benchRequests({ rounds, only, engines, requests: values.quick ? 300 : 24_000 }),
    growth:
      growth || only.length === 0
        ? await benchGrowth({
            rounds,
            engines,
            requests: values.quick ? 300 : 20_000,
            sizes: values.quick ? [100, 1000] : [1000, 1_000_000],
          })
        : [],
  };
  if (values.json !== undefined) writeFileSync(values.json, JSON.stringify(results, null, 2));
} finally {
  endAll();
}
