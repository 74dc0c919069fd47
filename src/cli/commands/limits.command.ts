import type { LimitView } from '../../client/index.js';
import { EXIT } from '../command-line/command.js';
import { connectAccess } from '../command-line/connect.js';
import { spanOf } from '../command-line/output.js';
import { table } from '../command-line/table.js';
import { withVerbs, type Verb } from '../command-line/verbs.js';

const MAX_COST = 100_000_000;
const MAX_WAIT_MS = 30_000;

const list: Verb = {
  name: 'list',
  summary: 'list the limits of the caller, and what is left of each',
  flags: ['json'],

  async run(given, terminal) {
    const limits = await connectAccess(given, terminal).listLimits();
    await terminal.output.line(given.flag('json') ? JSON.stringify({ items: limits }) : limitsTable(limits));
    return EXIT.ok;
  },
};

const take: Verb = {
  name: 'take',
  summary: 'take from a limit: exit code 0 when allowed, 1 when not',
  word: 'name',
  texts: ['cost', 'bucket', 'wait'],
  flags: ['json'],

  async run(given, terminal, name) {
    const taken = await connectAccess(given, terminal).takeLimit(name, {
      cost: given.integer('cost', { min: 1, max: MAX_COST }),
      key: given.text('bucket'),
      waitMs: given.duration('wait', { min: 0, max: MAX_WAIT_MS }),
    });
    if (given.flag('json')) await terminal.output.line(JSON.stringify(taken));
    else if (taken.allowed) terminal.note(`allowed, ${taken.remaining} left`);
    else terminal.note(`refused; available in ${spanOf(taken.retryAfterMs)}`);
    return taken.allowed ? EXIT.ok : EXIT.failed;
  },
};

const give: Verb = {
  name: 'give',
  summary: 'give back tokens that were not used',
  word: 'name',
  texts: ['cost', 'bucket'],

  async run(given, terminal, name) {
    const { remaining } = await connectAccess(given, terminal).giveLimit(name, {
      cost: given.integer('cost', { min: 1, max: MAX_COST }),
      key: given.text('bucket'),
    });
    terminal.note(`given back, ${remaining} left`);
    return EXIT.ok;
  },
};

const reset: Verb = {
  name: 'reset',
  summary: 'refill a limit',
  word: 'name',
  texts: ['bucket'],

  async run(given, terminal, name) {
    await connectAccess(given, terminal).resetLimit(name, { key: given.text('bucket') });
    terminal.note(`${name} is full`);
    return EXIT.ok;
  },
};

export const limitsCommand = withVerbs({
  name: 'limits',
  summary: 'Show limits, and take from them',
  use: 'manage',
  help: `  --cost <n>             tokens to take or to give back; default: 1
  --bucket <key>         a bucket of its own within the limit, such as the name of a model
  --wait <duration>      time to wait for the tokens, at most 30s; default: 0s
  --json                 print the answer of the service`,
  example: 'limits take llm --cost 2 --wait 10s && ./call-model.sh',
  moreExamples: ['limits list', 'limits give llm --cost 2', 'limits reset llm --bucket model-7'],
  verbs: [list, take, give, reset],
});

function limitsTable(limits: readonly LimitView[]): string {
  const rows = limits.map(({ name, limit, windowMs, burst, per, mode, remaining }) => [
    name,
    `${limit} in ${spanOf(windowMs)}`,
    burst,
    per,
    mode,
    remaining ?? '-',
  ]);
  return table([['NAME', 'LIMIT', 'BURST', 'PER', 'MODE', 'LEFT'], ...rows]);
}
