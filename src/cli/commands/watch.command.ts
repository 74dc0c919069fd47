import { isTransient, ProblemError, type EventFilter, type FeedEvent, type WaymarkClient } from '../../client/index.js';
import { sleep } from '../../client/sleep.js';
import type { Command, Terminal } from '../command-line/command.js';
import { connect } from '../command-line/connect.js';
import { EXIT, type ExitCode } from '../command-line/exit-code.js';

const WAIT_S = 20;
const PAUSE_MS = 1000;
const MOST = 1_000_000_000;

export const watchCommand: Command = {
  name: 'watch',
  summary: 'See what happens, as it happens',
  usage: 'waymark watch [--workflow <id> | --channel <name>] [--type <type>] [--json]',
  help: `Each event on a line, until SIGINT. After an outage it goes on behind the last one.

  --workflow <id>        of this workflow and its tasks
  --id-prefix <text>     of workflows whose id begins so
  --channel <name>       messages of this channel
  --type <type>          of this type, or of all that begin alike: 'workflow.*'
  --since <id>           what has happened since this event; 0 for all that is kept; else what happens from now on
  --count <n>            end after so many
  --json                 JSON as the service gives it`,
  options: {
    workflow: { type: 'string' },
    'id-prefix': { type: 'string' },
    channel: { type: 'string' },
    type: { type: 'string' },
    since: { type: 'string' },
    count: { type: 'string' },
    json: { type: 'boolean' },
  },

  async run(given, terminal) {
    given.noWords();
    const filter = {
      workflow: given.text('workflow'),
      idPrefix: given.text('id-prefix'),
      channel: given.text('channel'),
      type: given.text('type'),
    };
    const most = given.integer('count', { min: 1, max: MOST }) ?? Infinity;
    const lineOf = given.flag('json') ? (event: FeedEvent) => JSON.stringify(event) : readable;
    const client = connect(given, terminal);
    const stopped = new AbortController();
    terminal.onStop(() => stopped.abort());
    let count = 0;
    const show = async (events: readonly FeedEvent[]) => {
      const some = events.slice(0, most - count);
      await terminal.output.text(some.map((event) => `${lineOf(event)}\n`).join(''));
      return (count += some.length) >= most;
    };
    return follow(client, filter, given.text('since'), show, stopped.signal, terminal);
  },
};

/** Until it is stopped or `show` has had enough. What is wrong with the first question ends it; later outages are waited out. */
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
        note(`${error.message}; going on with what happens from now on`);
        place = (await client.readEvents(filter, { signal })).next;
      } else if (isTransient(error) && !isFirst) {
        note(`${(error as Error).message}; trying on`);
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
