import { type Command, EXIT } from '../command-line/command.js';
import { ProgressBar } from '../command-line/progress-bar.js';
import { redisConfigOf } from '../command-line/redis-config-of.js';

export const upgradeCommand: Command = {
  name: 'upgrade',
  summary: 'Upgrade data of an earlier schema in Redis',
  usage: 'waymark upgrade [--redis <url>] [--dry-run] [--force] [--json]',
  help: `Upgrades the keys of schemas 3 and 4 in place. States stay as they are. A service does the same at its first start, unless
REDIS_UPGRADE=false. May be stopped at any moment and run again. Stop all services of the earlier version first: while one
may still write, the command refuses.

  --redis <url>          redis:// or rediss:// URL instead of the address in the settings
  --dry-run              report only, change nothing
  --force                begin although a service of the earlier version wrote lately; it must have ended
  --json                 print one JSON object: result, renamed, packed, tenants, left`,
  example: 'upgrade --redis redis://127.0.0.1:6379 --dry-run',
  isWithoutService: true,
  texts: ['redis'],
  flags: ['dry-run', 'force', 'json'],

  async run(given, terminal) {
    const config = await redisConfigOf(given);
    // Loaded lazily: the other commands need no Redis client.
    const { RedisConnections } = await import('../../engine/redis/connection/redis-connections.js');
    const { prefixOf } = await import('../../engine/redis/keys.js');
    const { upgrade } = await import('../../engine/redis/upgrade/upgrade.js');
    const connections = new RedisConnections(config, false);
    try {
      await connections.open();
      await connections.ready(prefixOf(config.namespace, 'default'), config.connectTimeoutMs);
      if (!connections.isReady) {
        terminal.note(`waymark: Redis at ${connections.address} is unreachable`);
        return EXIT.unreachable;
      }
      const isDryRun = given.flag('dry-run');
      const bar = new ProgressBar(terminal, { isQuiet: given.flag('json') });
      bar.begin('upgrade', 0);
      const options = { isDryRun, isForced: given.flag('force'), examined: (count: number) => bar.add(count) };
      const done = await upgrade(connections, options).finally(() => bar.clear());
      if (given.flag('json')) await terminal.output.line(JSON.stringify({ result: done.is, ...done, is: undefined }));
      else await terminal.output.line(lineOf(done, isDryRun));
      return done.is === 'alive' ? EXIT.failed : EXIT.ok;
    } catch (error) {
      if (!(error instanceof Error && 'code' in error)) throw error;
      terminal.note(`waymark: ${error.message}`);
      return EXIT.failed;
    } finally {
      await connections.close();
    }
  },
};

const MAX_NAMED = 5;

type Done = Awaited<ReturnType<typeof import('../../engine/redis/upgrade/upgrade.js').upgrade>>;

function lineOf(done: Done, isDryRun: boolean): string {
  switch (done.is) {
    case 'not-needed':
      return 'nothing to upgrade';
    case 'alive':
      return `a service of the earlier version may write for another ${Math.ceil(done.forMs / 1000)} s: stop it, wait, and try again`;
    case 'upgraded': {
      const { renamed, packed, tenants, left } = done;
      const more = left.length > MAX_NAMED ? ` and ${left.length - MAX_NAMED} more; --json lists all` : '';
      const others =
        left.length === 0
          ? ''
          : `; ${left.length} keys of other programs stay: ${left.slice(0, MAX_NAMED).join(', ')}${more}`;
      return `${renamed + packed} keys of ${tenants} tenants ${isDryRun ? 'would be upgraded' : 'upgraded'}${others}`;
    }
  }
}
