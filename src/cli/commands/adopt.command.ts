import type { Command } from '../command-line/command.js';
import { EXIT } from '../command-line/exit-code.js';
import { inWords, opened, places } from './open-places.js';
import { ProgressBar } from '../command-line/progress-bar.js';
import { UsageError } from '../command-line/usage-error.js';

export const adoptCommand: Command = {
  name: 'adopt',
  summary: 'Take over workflows that an older program wrote to Redis',
  usage: 'waymark adopt [--redis <url>] [--dry-run]',
  help: `Looks through all keys for values of document_workflow:<id> that no version of Waymark has written yet. Each becomes version 1
of a workflow with the time to live it has left; its value stays as it is. Without this they are taken over one by one when
they are written first, and are not in lists before. May be run at any time, and again.

  --redis <url>          REDIS_URL by default
  --namespace <prefix>   of the keys, instead of REDIS_NAMESPACE
  --dry-run              only say what would happen
  --verbose              "Adopted: <id>" for each`,
  options: {
    redis: { type: 'string' },
    namespace: { type: 'string' },
    'dry-run': { type: 'boolean' },
    verbose: { type: 'boolean' },
  },

  async run(given, terminal) {
    given.noWords();
    const url = given.text('redis') ?? given.env['REDIS_URL'];
    if (url === undefined) throw new UsageError('--redis is missing');
    const isDryRun = given.flag('dry-run');
    const { openRedisAt, placeOf } = await places();
    if (placeOf(url).kind !== 'redis') throw new UsageError(`--redis: must be like redis://127.0.0.1:6379`);
    const { adoptAll } = await import('../../migration/adopt.js');
    return inWords(terminal, async () => {
      const redis = await opened(placeOf(url), openRedisAt(url, given.env, given.text('namespace')));
      const bar = new ProgressBar(terminal);
      bar.begin('adopt', 0);
      try {
        const done = await adoptAll(redis, isDryRun, {
          examined: (count) => bar.add(count),
          adopted: (id) => (given.flag('verbose') ? terminal.output.line(`Adopted: ${id}`) : Promise.resolve()),
          failed: (id, reason) => {
            bar.clear();
            terminal.note(`${id}: ${reason}`);
          },
        });
        bar.clear();
        const { adopted, failed, examined } = done;
        const what = isDryRun ? 'would be adopted' : 'adopted';
        await terminal.output.line(`${adopted} ${what}, ${failed} could not be, of ${examined} keys`);
        return failed === 0 ? EXIT.ok : EXIT.failed;
      } finally {
        await redis.close();
      }
    });
  },
};
