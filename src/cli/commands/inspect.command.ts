import { setTimeout as sleep } from 'node:timers/promises';
import { isTransient, type Queue, type WaymarkClient } from '../../client/index.js';
import { type Command, EXIT, type ExitCode, type Terminal } from '../command-line/command.js';
import { connect } from '../command-line/connect.js';
import { type Given, UsageError } from '../command-line/given.js';
import { queuePage, queuesTable, warningsOf } from './queue-tables.js';

const DAY_MS = 86_400_000;
const CLEAR_SCREEN = '\u001b[2J\u001b[H';

export const inspectCommand: Command = {
  name: 'inspect',
  summary: 'Show queues, their depths and workers',
  usage: 'waymark inspect queues [--prefix <text>] | queue <name> [--watch] [--json] [--fail-on warn]',
  help: `Shows tasks by state, the age of the oldest ready task, when the next is due, and the workers with their leases.
Warnings go to stderr: dead tasks, a paused queue with tasks, ready tasks without a worker, a task ready for too long.

  --prefix <text>        only queues whose names start with this
  --json                 print the answer of the service, one line per poll
  --watch                repeat until SIGINT
  --interval <duration>  between two polls, 100ms to 1d; default: 2s
  --fail-on warn         exit with 1 on a warning; with --watch, at the first one
  --max-wait <duration>  a task that is ready for longer is a warning; default: 5m`,
  example: 'inspect queue orders --watch',
  maxWords: Infinity,
  texts: ['prefix', 'interval', 'fail-on', 'max-wait'],
  flags: ['json', 'watch'],

  async run(given, terminal) {
    const look = lookOf(given, connect(given, terminal));
    const intervalMs = given.duration('interval', { min: 100, max: DAY_MS }) ?? 2000;
    const maxWaitMs = given.duration('max-wait', { min: 0, max: 365 * DAY_MS }) ?? 300_000;
    const failOn = given.oneOf('fail-on', ['warn']);
    const show = async (seen: Seen): Promise<ExitCode> => {
      await terminal.output.text(textOf(seen, given, terminal));
      const warnings = [
        ...seen.queues.flatMap((queue) =>
          warningsOf(queue, maxWaitMs).map((warning) => `warning: ${queue.name}: ${warning}`),
        ),
        ...seen.unreadable.map((name) => `warning: ${name}: another program has replaced its keys in Redis`),
      ];
      for (const warning of warnings) terminal.note(warning);
      return failOn === 'warn' && warnings.length > 0 ? EXIT.failed : EXIT.ok;
    };
    const code = await show(await look());
    if (!given.flag('watch') || code !== EXIT.ok) return code;
    const stopped = new AbortController();
    terminal.onStop(() => stopped.abort());
    return watch(look, show, intervalMs, stopped.signal, terminal);
  },
};

/** Polls until SIGINT, or until a warning ends it. An outage does not end it. */
async function watch(
  look: () => Promise<Seen>,
  show: (seen: Seen) => Promise<ExitCode>,
  intervalMs: number,
  stopped: AbortSignal,
  { note }: Terminal,
): Promise<ExitCode> {
  for (;;) {
    await sleep(intervalMs, undefined, { signal: stopped }).catch(() => undefined);
    if (stopped.aborted) return EXIT.ok;
    try {
      const code = await show(await look());
      if (code !== EXIT.ok) return code;
    } catch (error) {
      if (!isTransient(error)) throw error;
      note((error as Error).message);
    }
  }
}

/** On a terminal each poll overwrites the one before; elsewhere a blank line separates them. */
function textOf({ json, table }: Seen, given: Given, { isScreen }: Terminal): string {
  if (given.flag('json')) return `${JSON.stringify(json)}\n`;
  if (!given.flag('watch')) return `${table}\n`;
  return isScreen ? `${CLEAR_SCREEN}${table}\n` : `${table}\n\n`;
}

interface Seen {
  readonly queues: readonly Queue[];
  readonly unreadable: readonly string[];
  readonly table: string;
  readonly json: unknown;
}

function lookOf(given: Given, client: WaymarkClient): () => Promise<Seen> {
  const { words } = given;
  const [what, name] = words;
  const prefix = given.text('prefix');
  if (what === 'queues' && words.length === 1) {
    return async () => {
      const items: Queue[] = [];
      const unreadable: string[] = [];
      for await (const page of client.queuePages(prefix === undefined ? {} : { prefix })) {
        items.push(...page.items);
        unreadable.push(...page.unreadable);
      }
      return { queues: items, unreadable, table: queuesTable(items), json: { items, unreadable } };
    };
  }
  if (what === 'queue' && name !== undefined && words.length === 2 && prefix === undefined) {
    return async () => {
      const queue = await client.getQueue(name);
      return { queues: [queue], unreadable: [], table: queuePage(queue), json: queue };
    };
  }
  throw new UsageError('must be: inspect queues [--prefix <text>], or: inspect queue <name>');
}
