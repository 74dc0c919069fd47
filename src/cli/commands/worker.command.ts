import { hostname } from 'node:os';
import { Worker, type WorkerEvent } from '../../client/index.js';
import { type Command, EXIT, type Terminal } from '../command-line/command.js';
import { connect } from '../command-line/connect.js';
import { findCredential } from '../command-line/credential.js';
import { execHandler } from './exec-handler.js';
import { printHandler } from './print-handler.js';

const DEFAULT_STOP_MS = 20_000;
const DAY_MS = 86_400_000;

export const workerCommand: Command = {
  name: 'worker',
  summary: 'Process the tasks of a queue',
  usage: 'waymark worker --topic <queue> [--consumer <name>] [--concurrency <n>] [--exec <command>]',
  help: `Without --exec it prints each task as a JSON line to stdout and completes it.

  --topic <queue>        queue to claim tasks from
  --consumer <name>      name of this worker; default: host and process id
  --concurrency <n>      tasks at the same time, 1 to 50; default: 1
  --exec <command>       shell command for each task: payload on stdin; stdout is the result, as JSON if it is JSON, else as
                         text; an exit code other than 0 fails the task with the end of stderr. Its environment has
                         WAYMARK_TASK_ID, WAYMARK_QUEUE, WAYMARK_ATTEMPT, WAYMARK_MAX_ATTEMPTS, WAYMARK_WORKFLOW_ID (if the
                         task has one), WAYMARK_LEASE_TOKEN and WAYMARK_URL
  --lease <duration>     lease of a task without a heartbeat, 1s to 1h; default: 30s
  --stop-timeout <duration>  after SIGTERM or SIGINT, time for running tasks to finish; tasks that are not finished then
                         are released; default: 20s. A second signal releases them at once`,
  example: 'worker --topic orders --concurrency 4 --exec ./handle-order.sh',
  texts: ['topic', 'consumer', 'concurrency', 'exec', 'lease', 'stop-timeout'],

  async run(given, terminal) {
    const queue = given.textRequired('topic');
    const name = given.text('consumer') ?? defaultName();
    const concurrency = given.integer('concurrency', { min: 1, max: 50 }) ?? 1;
    const leaseMs = given.duration('lease', { min: 100, max: 3_600_000 }) ?? 30_000;
    const stopMs = given.duration('stop-timeout', { min: 0, max: DAY_MS }) ?? DEFAULT_STOP_MS;
    const command = given.text('exec');
    const credential = findCredential(given.env, given.url, 'data');
    // The command of a task gets WAYMARK_API_KEY, but neither ADMIN_TOKEN nor the token in the file operator-token.
    const apiKey = () => (credential?.source.startsWith('WAYMARK_API_KEY') === true ? credential.read() : undefined);
    const handler =
      command === undefined
        ? printHandler(terminal.output, () => worker.stop(0))
        : execHandler(command, { url: given.url, apiKey, onDiagnostics: (chunk) => process.stderr.write(chunk) });
    const onEvent = (event: WorkerEvent) => report(event, terminal);
    const options = { queue, worker: name, concurrency, leaseMs, handler, onEvent };
    const worker = new Worker(connect(given, terminal), options);
    let signals = 0;
    terminal.onStop(() => {
      terminal.note(signals === 0 ? `stopping; running tasks have ${stopMs} ms to finish` : 'stopping now');
      worker.stop(signals++ === 0 ? stopMs : 0);
    });
    terminal.note(`${name} works on ${queue}`);
    await worker.run();
    return EXIT.ok;
  },
};

function report({ kind, task, tookMs, error }: WorkerEvent, { note }: Terminal): void {
  const why = error === undefined ? '' : `: ${error instanceof Error ? error.message.trim() : String(error)}`;
  note(`task ${task.id}, attempt ${task.attempt} of ${task.maxAttempts}: ${kind} after ${Math.round(tookMs)} ms${why}`);
}

/** Replaces characters of the host name that names of workers may not have. */
function defaultName(): string {
  return `${hostname()
    .replaceAll(/[^A-Za-z0-9._-]/g, '-')
    .replace(/^\./, '')}-${process.pid}`.slice(-128);
}
