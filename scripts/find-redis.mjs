// Finds a redis-server for the tests: an installed one, or Debian's package; else fails and says what to install.
import { spawnSync } from 'node:child_process';
import { accessSync, constants, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { root } from './prepare.mjs';
import { die, say } from './say.mjs';

const NAMES = ['redis-server', 'valkey-server'];
const PACKAGES =
  'redis-server redis-tools libjemalloc2 liblzf1 libhiredis0.14 libhiredis1.1.0 liblua5.1-0 lua-bitop lua-cjson libatomic1 libssl3 libssl3t64 libsystemd0';

const run = (command, args, options = {}) =>
  spawnSync(command, args, { stdio: ['ignore', 2, 2], ...options }).status === 0;
const works = (command) => command !== undefined && spawnSync(command, ['--version'], { stdio: 'ignore' }).status === 0;

function onPath(name) {
  return (process.env.PATH ?? '')
    .split(delimiter)
    .map((folder) => join(folder, name))
    .find((file) => {
      try {
        accessSync(file, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}

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

/** Without root: unpacks the packages into .cache/apt of the project. */
function aptUnpacked() {
  if (onPath('apt-get') === undefined || onPath('dpkg') === undefined) return undefined;
  const home = join(root, '.cache/apt');
  const bin = join(home, 'redis-server.sh');
  if (works(bin)) return bin;
  say("no redis-server found: unpacking Debian's into .cache/apt");
  for (const folder of ['lists/partial', 'cache/archives/partial', 'debs', 'root'])
    mkdirSync(join(home, folder), { recursive: true });
  const own = [
    '-o',
    `Dir::State::lists=${home}/lists`,
    '-o',
    `Dir::Cache=${home}/cache`,
    '-o',
    'APT::Sandbox::User=',
    '-o',
    'Debug::NoLocking=1',
    '-qq',
  ];
  if (!run('apt-get', [...own, 'update'])) return undefined;
  // Package names differ between releases; missing ones are skipped.
  for (const name of PACKAGES.split(' '))
    spawnSync('apt-get', [...own, 'download', name], { cwd: join(home, 'debs'), stdio: 'ignore' });
  for (const file of readdirSync(join(home, 'debs'))) run('dpkg', ['-x', join(home, 'debs', file), join(home, 'root')]);
  const libraries = readdirSync(join(home, 'root/usr/lib')).filter((name) => name.endsWith('-linux-gnu'));
  const path = libraries.map((name) => `${home}/root/usr/lib/${name}`).join(':');
  writeFileSync(bin, `#!/bin/sh\nLD_LIBRARY_PATH='${path}' exec '${home}/root/usr/bin/redis-server' "$@"\n`, {
    mode: 0o755,
  });
  return works(bin) ? bin : undefined;
}

export function findRedis() {
  const asked = process.env.REDIS_SERVER_BIN;
  if (asked) return works(asked) ? asked : die(`REDIS_SERVER_BIN=${asked} cannot be run`);
  const bin = found() ?? aptInstalled() ?? aptUnpacked();
  if (bin !== undefined) return bin;
  return die(
    'the tests need a real redis-server (6.2 or later) or valkey-server, and none was found.\n' +
      '  Debian, Ubuntu: apt-get install redis-server    Fedora: dnf install valkey\n' +
      '  macOS: brew install redis                       or set REDIS_SERVER_BIN=/path/to/redis-server',
  );
}
