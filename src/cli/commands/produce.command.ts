import type { NewTask, Task, WaymarkClient } from '../../client/index.js';
import { type Command, EXIT } from '../command-line/command.js';
import { connect } from '../command-line/connect.js';
import { readPayload } from '../command-line/payload.js';
import { UsageError } from '../command-line/given.js';

const MAX_COUNT = 1_000_000;
const MAX_BATCH = 100;
/** Maximum bytes of one request, well below the limit of the service. */
const MAX_BATCH_BYTES = 1024 * 1024;
const YEAR_MS = 365 * 86_400_000;

export const produceCommand: Command = {
  name: 'produce',
  summary: 'Enqueue tasks',
  usage: 'waymark produce --topic <queue> [--payload <json | file | ->] [--count <n>]',
  help: `Prints each task as a JSON line to stdout. A retried request creates no second task.

  --topic <queue>        queue of the tasks
  --payload <payload>    JSON, the name of a file with JSON, or - for stdin; default: {}
  --count <n>            number of equal tasks; default: 1
  --priority <0-9>       0 goes first; default: 5
  --delay <duration>     time before the tasks are ready: 500ms, 30s, 5m, 24h
  --workflow <id>        workflow that the tasks belong to
  --dedupe-key <key>     if the queue got a task with this key in the last 24 h, prints that task with "duplicate":true and
                         creates none`,
  example: `produce --topic orders --payload '{"order":17}'`,
  texts: ['topic', 'payload', 'count', 'priority', 'delay', 'workflow', 'dedupe-key'],

  async run(given, terminal) {
    const queue = given.textRequired('topic');
    const count = given.integer('count', { min: 1, max: MAX_COUNT }) ?? 1;
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
    const atOnce = Math.max(1, Math.min(MAX_BATCH, Math.floor(MAX_BATCH_BYTES / Buffer.byteLength(payload.text))));
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
  const tasks = Array.from({ length: count }, () => task);
  return client.enqueueAll(queue, tasks);
}
