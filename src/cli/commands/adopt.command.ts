import { type Command, EXIT } from '../command-line/command.js';
import { announce, asUsage } from '../command-line/place-given.js';
import { places, withPlaces } from './open-places.js';
import { ProgressBar } from '../command-line/progress-bar.js';
import { redisPlaceOf } from '../../migration/place.js';
import { UsageError } from '../command-line/given.js';

export const adoptCommand: Command = {
  name: 'adopt',
  summary: 'Adopt workflows that an older program wrote to Redis',
  usage: 'waymark adopt [--redis <url>] [--dry-run]',
  help: `Scans all keys for values of document_workflow:<id> that Waymark has not written. Each becomes version 1 of a workflow; its
value and its remaining time to live stay as they are. Without this command a workflow is adopted at its first write and
is missing from lists until then. May be run at any time, and repeated.

  --redis <url>          default: REDIS_URL
  --namespace <prefix>   prefix of the keys; default: REDIS_NAMESPACE
  --dry-run              report only, change nothing
  --verbose              print "Adopted: <id>" for each`,
  example: 'adopt --redis redis://127.0.0.1:6379 --dry-run',
  isWithoutService: true,
  texts: ['redis', 'namespace'],
  flags: ['dry-run', 'verbose'],

  async run(given, terminal) {
    const url = given.text('redis') ?? given.env['REDIS_URL'];
    if (url === undefined) throw new UsageError('No Redis configured: set REDIS_URL or pass --redis <url>');
    const isDryRun = given.flag('dry-run');
    const place = asUsage('redis', () => redisPlaceOf(url));
    announce(terminal, 'in:', place, given);
    const { openRedisAt } = await places();
    const { adoptAll } = await import('../../migration/adopt.js');
    const open = () => openRedisAt(url, given.env, given.text('namespace'));
    return withPlaces(terminal, [[place, open]], async (redis) => {
      const bar = new ProgressBar(terminal);
      bar.begin('adopt', 0);
      const { adopted, failed, examined } = await adoptAll(redis, isDryRun, {
        examined: (count) => bar.add(count),
        adopted: (id) => (given.flag('verbose') ? terminal.output.line(`Adopted: ${id}`) : Promise.resolve()),
        failed: (id, reason) => {
          bar.clear();
          terminal.note(`${id}: ${reason}`);
        },
      });
      bar.clear();
      const what = isDryRun ? 'would be adopted' : 'adopted';
      await terminal.output.line(`${examined} keys examined: ${adopted} ${what}, ${failed} failed`);
      return failed === 0 ? EXIT.ok : EXIT.failed;
    });
  },
};
