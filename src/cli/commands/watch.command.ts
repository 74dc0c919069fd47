import { isTransient, ProblemError, type EventFilter, type FeedEvent, type WaymarkClient } from '../../client/index.js';
import { sleep } from '../../client/sleep.js';
import { type Command, EXIT, type ExitCode, type Terminal } from '../command-line/command.js';
import { connect } from '../command-line/connect.js';

const WAIT_S = 20;
const PAUSE_MS = 1000;
const MAX_COUNT = 1_000_000_000;

export const watchCommand: Command = {
  name: 'watch',
  summary: 'Follow events',
  usage: 'waymark watch [--workflow <id> | --channel <name>] [--type <type>] [--json]',
  help: `Prints an event per line until SIGINT. After an outage it continues after the last one.

  --workflow <id>        events of this workflow and its tasks
  --id-prefix <text>     events of workflows whose id begins with this
  --channel <name>       messages of this channel
  --type <type>          events of this type; 'workflow.*' is every type that begins with workflow.
  --since <id>           events after this one; 0: all that are kept; default: from now on
  --count <n>            end after this many
  --json                 print events as the service sends them`,
  example: "watch --type 'workflow.*' --since 0",
  texts: ['workflow', 'id-prefix', 'channel', 'type', 'since', 'count'],
  flags: ['json'],

  async run(given, terminal) {
    const filter = {
      workflow: given.text('workflow'),
      idPrefix: given.text('id-prefix'),
      channel: given.text('channel'),
      type: given.text('type'),
    };
    const maxCount = given.integer('count', { min: 1, max: MAX_COUNT }) ?? Infinity;
    const lineOf = given.flag('json') ? (event: FeedEvent) => JSON.stringify(event) : readable;
    const client = connect(given, terminal);
    const stopped = new AbortController();
    terminal.onStop(() => stopped.abort());
    let count = 0;
    const show = async (events: readonly FeedEvent[]) => {
      const some = events.slice(0, maxCount - count);
      await terminal.output.text(some.map((event) => `${lineOf(event)}\n`).join(''));
      return (count += some.length) >= maxCount;
    };
    return follow(client, filter, given.text('since'), show, stopped.signal, terminal);
  },
};

/** Runs until SIGINT, or until `show` returns true. A refused first request ends it; later outages do not. */
async function follow(
  client: WaymarkClient,
  filter: EventFilter,
  since: string | undefined,
  show: (events: readonly FeedEvent[]) => Promise<boolean>,
  signal: AbortSignal,
  { note }: Terminal,
): Promise<ExitCode> {
  let place = since ?? (await client.readEvents(filter, { signal })).next;
  let isFirst = since !== undefined;
  while (!signal.aborted) {
    try {
      const { events, next } = await client.readEvents(filter, { since: place, waitS: WAIT_S, signal });
      if (await show(events)) break;
      place = next;
      isFirst = false;
    } catch (error) {
      if (signal.aborted) break;
      if (error instanceof ProblemError && error.status === 410) {
        note(`${error.message}; continuing with new events`);
        place = (await client.readEvents(filter, { signal })).next;
      } else if (isTransient(error) && !isFirst) {
        note(`${(error as Error).message}; retrying`);
        await sleep(PAUSE_MS, signal).catch(() => undefined);
      } else throw error;
    }
  }
  return EXIT.ok;
}

function readable({ at, type, workflowId, version, taskId, queue, channel, payload }: FeedEvent): string {
  const words = [at, type];
  if (channel !== undefined) words.push(channel, JSON.stringify(payload));
  else if (taskId !== undefined) words.push(taskId, `in ${queue}`, ...(workflowId === undefined ? [] : [workflowId]));
  else words.push(workflowId ?? '', ...(version === undefined ? [] : [`version ${version}`]));
  return words.join('  ');
}
