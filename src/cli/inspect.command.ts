import { setTimeout as sleep } from 'node:timers/promises';
import { isTransient, type Queue, type WaymarkClient } from '../client/index.js';
import type { Command } from './command.js';
import { connect } from './connect.js';
import { EXIT } from './exit-code.js';
import { queuePage, queuesTable } from './queue-tables.js';
import { warningsOf } from './queue-warnings.js';
import { UsageError } from './usage-error.js';

const DAY_MS = 86_400_000;
const CLEAR_SCREEN = '\u001b[2J\u001b[H';

export const inspectCommand: Command = {
  name: 'inspect',
  summary: 'See how queues are doing',
  usage: 'waymark inspect queues | queue <name> [--watch] [--json] [--fail-on warn]',
  help: `Tasks by state, how long the oldest has been ready, when the next is due, and which workers have what in hand.
Warnings go to stderr: dead tasks, a paused queue with tasks, tasks that no worker asks for, a task ready for too long.

  --json                 JSON as the service gives it, each look on one line
  --watch                look again and again, until SIGINT
  --interval <duration>  between two looks, 100ms to 1d; 2s by default
  --fail-on warn         end with 1 when there is a warning; with --watch, at the first one
  --max-wait <duration>  what is ready for longer is a warning; 5m by default`,
  options: {
    json: { type: 'boolean' },
    watch: { type: 'boolean' },
    interval: { type: 'string' },
    'fail-on': { type: 'string' },
    'max-wait': { type: 'string' },
  },

  async run(given, terminal) {
    const look = lookOf(given.words, connect(given, terminal));
    const intervalMs = given.duration('interval', { min: 100, max: DAY_MS }) ?? 2000;
    const maxWaitMs = given.duration('max-wait', { min: 0, max: 365 * DAY_MS }) ?? 300_000;
    const failOn = given.text('fail-on');
    if (failOn !== undefined && failOn !== 'warn') throw new UsageError(`--fail-on ${failOn}: can only be warn`);
    const isWatching = given.flag('watch');
    const stopped = new AbortController();
    if (isWatching) terminal.onStop(() => stopped.abort());
    for (let looks = 0; ; looks++) {
      // The first look fails as any command does; later ones are tried again.
      const seen = await look().catch((error: unknown) => {
        if (looks === 0 || !isTransient(error)) throw error;
        terminal.note((error as Error).message);
      });
      if (seen !== undefined && !stopped.signal.aborted) {
        const text = given.flag('json') ? JSON.stringify(seen.json) : seen.table;
        const isRepeated = isWatching && !given.flag('json');
        if (isRepeated && terminal.isScreen) await terminal.output.text(CLEAR_SCREEN);
        await terminal.output.line(isRepeated && !terminal.isScreen ? `${text}\n` : text);
        const warnings = seen.queues.flatMap((queue) =>
          warningsOf(queue, maxWaitMs).map((warning) => `warning: ${queue.name}: ${warning}`),
        );
        for (const warning of warnings) terminal.note(warning);
        if (failOn === 'warn' && warnings.length > 0) return EXIT.failed;
      }
      if (!isWatching || stopped.signal.aborted) return EXIT.ok;
      await sleep(intervalMs, undefined, { signal: stopped.signal }).catch(() => undefined);
      if (stopped.signal.aborted) return EXIT.ok;
    }
  },
};

interface Seen {
  readonly queues: readonly Queue[];
  readonly table: string;
  readonly json: unknown;
}

function lookOf(words: readonly string[], client: WaymarkClient): () => Promise<Seen> {
  const [what, name] = words;
  if (what === 'queues' && words.length === 1) {
    return async () => {
      const items = await client.listQueues();
      return { queues: items, table: queuesTable(items), json: { items } };
    };
  }
  if (what === 'queue' && name !== undefined && words.length === 2) {
    return async () => {
      const queue = await client.getQueue(name);
      return { queues: [queue], table: queuePage(queue), json: queue };
    };
  }
  throw new UsageError('must be: inspect queues, or: inspect queue <name>');
}
