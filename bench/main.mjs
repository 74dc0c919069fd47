// npm run bench [-- get put … | growth | start | tasks | feed | access | stalls | floods | idle] [--engine redis] [--quick] [--json file]
// npm run bench -- compare <ref> [get | state | list | put | create | task | step …] [--engine redis] [--pairs 9] [--rounds 3]
// floods takes --minutes, for all floods of an engine; floods, idle and start are not part of a run without names
// stalls also takes --rounds, --max-state-bytes, --search, --seed, --minutes and --per-byte
import { writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { benchAccess } from './access.mjs';
import { compare } from './compare.mjs';
import { benchFloods } from './floods.mjs';
import { benchFeed } from './feed.mjs';
import { benchIdle } from './idle.mjs';
import { benchGrowth } from './growth.mjs';
import { endAll } from './processes.mjs';
import { benchRequests } from './requests.mjs';
import { searchStalls } from './stall-search.mjs';
import { benchStart } from './start.mjs';
import { benchStalls, DEFAULT_STATE_BYTES } from './stalls.mjs';
import { benchTasks } from './tasks.mjs';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    engine: { type: 'string', multiple: true },
    quick: { type: 'boolean' },
    json: { type: 'string' },
    rounds: { type: 'string' },
    pairs: { type: 'string' },
    'max-state-bytes': { type: 'string' },
    search: { type: 'boolean' },
    seed: { type: 'string' },
    minutes: { type: 'string' },
    'per-byte': { type: 'boolean' },
  },
});
const engines = values.engine ?? ['redis', 'memory'];
const rounds = Number(values.rounds ?? (values.quick ? 1 : 3));
const only = positionals
  .filter((word) => !['growth', 'start', 'tasks', 'feed', 'access', 'stalls', 'floods', 'idle'].includes(word))
  .map((word) => word.toLowerCase());
const growth = positionals.includes('growth');
const start = positionals.includes('start');
const tasks = positionals.includes('tasks');
const feed = positionals.includes('feed');
const access = positionals.includes('access');
const stalls = positionals.includes('stalls');
const floods = positionals.includes('floods');
const idle = positionals.includes('idle');
const all = positionals.length === 0;
const maxStateBytes = Number(values['max-state-bytes'] ?? DEFAULT_STATE_BYTES);
const stallOptions = {
  engines,
  rounds,
  maxStateBytes,
  only,
  random: values.quick || only.length > 0 || maxStateBytes > DEFAULT_STATE_BYTES ? 0 : 100,
  seed: Number(values.seed ?? 1),
  minutes: Number(values.minutes ?? 5),
  perByte: values['per-byte'],
};

process.on('SIGINT', () => {
  endAll();
  process.exit(130);
});
process.stdout.write(`${cpus()[0]?.model}, ${cpus().length} cores, Node ${process.version}\n`);
async function runAll() {
  return {
    requests:
      stalls || floods || idle || start || ((growth || tasks || feed || access) && only.length === 0)
        ? []
        : await benchRequests({ rounds, only, engines, requests: values.quick ? 300 : 24_000 }),
    growth:
      growth || all
        ? await benchGrowth({
            rounds,
            engines,
            requests: values.quick ? 300 : 20_000,
            sizes: values.quick ? [100, 1000] : [1000, 1_000_000],
          })
        : [],
    start: start ? await benchStart({ rounds, sizes: values.quick ? [1000] : [200_000, 1_000_000] }) : [],
    tasks:
      tasks || all
        ? await benchTasks({
            rounds: values.rounds === undefined && !values.quick ? 7 : rounds,
            count: values.quick ? 200 : 20_000,
            waiting: values.quick ? 1000 : 1_000_000,
          })
        : [],
    feed:
      feed || all
        ? await benchFeed({ engines, perSecond: values.quick ? 100 : 1000, seconds: values.quick ? 1 : 10 })
        : [],
    access:
      access || all
        ? await benchAccess({
            engines,
            rounds: values.rounds === undefined && !values.quick ? 41 : rounds,
            requests: values.quick ? 300 : 1000,
          })
        : [],
    idle: idle
      ? await benchIdle({
          engines,
          queues: values.quick ? 1000 : 100_000,
          tenants: values.quick ? 100 : 10_000,
          seconds: values.quick ? 5 : 60,
        })
      : [],
    floods: floods
      ? await benchFloods({ engines, only, minutes: Number(values.minutes ?? (values.quick ? 0.5 : 10)) })
      : [],
    stalls: stalls || all ? await (values.search ? searchStalls(stallOptions) : benchStalls(stallOptions)) : [],
  };
}

/** The version of a git ref beside the working tree. */
async function runCompare([ref, ...only]) {
  if (ref === undefined) throw new Error('compare takes a git ref: npm run bench -- compare main~5');
  const pairs = Number(values.pairs ?? (values.quick ? 1 : 9));
  return { compare: await compare({ ref, only, engines, pairs, rounds, requests: values.quick ? 100 : 3000 }) };
}

try {
  const [first, ...rest] = positionals;
  const results = await (first === 'compare' ? runCompare(rest) : runAll());
  if (values.json !== undefined) writeFileSync(values.json, JSON.stringify(results, null, 2));
} finally {
  endAll();
}
