import type { NewTask, Task, WaymarkClient } from '../../client/index.js';
import type { Command } from '../command-line/command.js';
import { connect } from '../command-line/connect.js';
import { EXIT } from '../command-line/exit-code.js';
import { readPayload } from '../command-line/payload.js';
import { UsageError } from '../command-line/usage-error.js';

const MOST = 1_000_000;
const LARGEST_BATCH = 100;
/** Well below what the service takes in one request. */
const BATCH_BYTES = 1024 * 1024;
const YEAR_MS = 365 * 86_400_000;

export const produceCommand: Command = {
  name: 'produce',
  summary: 'Put tasks into a queue',
  usage: 'waymark produce --topic <queue> [--payload <json | file | ->] [--count <n>]',
  help: `Prints each task as a JSON line on stdout. A repeated request makes no second task.

  --topic <queue>        queue to put tasks into
  --payload <payload>    JSON, the name of a file with JSON, or - for stdin; {} by default
  --count <n>            so many tasks, all alike; 1 by default
  --priority <0-9>       0 goes first; 5 by default
  --delay <duration>     not before this time has passed: 500ms, 30s, 5m, 24h
  --workflow <id>        workflow that the tasks belong to
  --dedupe-key <key>     no task is made if there was one with this key in the last 24 h; it is printed instead, with
                         "duplicate":true`,
  options: {
    topic: { type: 'string' },
    payload: { type: 'string' },
    count: { type: 'string' },
    priority: { type: 'string' },
    delay: { type: 'string' },
    workflow: { type: 'string' },
    'dedupe-key': { type: 'string' },
  },

  async run(given, terminal) {
    given.noWords();
    const queue = given.textRequired('topic');
    const count = given.integer('count', { min: 1, max: MOST }) ?? 1;
    const dedupeKey = given.text('dedupe-key');
    if (dedupeKey !== undefined && count > 1) throw new UsageError('--dedupe-key makes one task, so --count must be 1');
    const task = {
      priority: given.integer('priority', { min: 0, max: 9 }),
      delayMs: given.duration('delay', { min: 0, max: YEAR_MS }),
      workflowId: given.text('workflow'),
      dedupeKey,
    };
    const client = connect(given, terminal);
    const payload = await readPayload(given.text('payload'), terminal);
    const atOnce = Math.max(1, Math.min(LARGEST_BATCH, Math.floor(BATCH_BYTES / Buffer.byteLength(payload.text))));
    for (let left = count; left > 0; left -= atOnce) {
      const tasks = await put(client, queue, { ...task, payload }, Math.min(left, atOnce));
      await terminal.output.text(tasks.map((made) => `${JSON.stringify(made)}\n`).join(''));
    }
    terminal.note(count === 1 ? `1 task for ${queue}` : `${count} tasks for ${queue}`);
    return EXIT.ok;
  },
};

async function put(client: WaymarkClient, queue: string, task: NewTask, count: number): Promise<readonly Task[]> {
  if (count === 1) return [await client.enqueue(queue, task)];
  return client.enqueueAll(
    queue,
    Array.from({ length: count }, () => task),
  );
}
