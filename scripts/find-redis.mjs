// Finds a redis-server for the tests: an installed one, or Debian's package; else fails and says what to install.
import { spawnSync } from 'node:child_process';
import { aptUnpacked, onPath, run } from './debian-packages.mjs';
import { die, say } from './say.mjs';

const NAMES = ['redis-server', 'valkey-server'];
const PACKAGES =
  'redis-server redis-tools libjemalloc2 liblzf1 libhiredis0.14 libhiredis1.1.0 liblua5.1-0 lua-bitop lua-cjson libatomic1 libssl3 libssl3t64 libsystemd0';

const works = (command) => command !== undefined && spawnSync(command, ['--version'], { stdio: 'ignore' }).status === 0;

const found = () => NAMES.map(onPath).find(works);

/** For root on Debian: installs the package without starting its service. */
function aptInstalled() {
  if (process.getuid?.() !== 0 || onPath('apt-get') === undefined) return undefined;
  say("no redis-server found: installing Debian's (apt-get install redis-server)");
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' };
  run('apt-get', ['update', '-qq'], { env });
  run('apt-get', ['install', '-qq', '-y', '--no-install-recommends', 'redis-server', 'redis-tools'], { env });
  return found();
}

export function findRedis() {
  const asked = process.env.REDIS_SERVER_BIN;
  if (asked) return works(asked) ? asked : die(`REDIS_SERVER_BIN=${asked} cannot be run`);
  const bin = found() ?? aptInstalled() ?? aptUnpacked('usr/bin/redis-server', PACKAGES, works);
  if (bin !== undefined) return bin;
  return die(
    'the tests need a real redis-server (6.2 or later) or valkey-server, and none was found.\n' +
      '  Debian, Ubuntu: apt-get install redis-server    Fedora: dnf install valkey\n' +
      '  macOS: brew install redis                       or set REDIS_SERVER_BIN=/path/to/redis-server',
  );
}
