// Programs that the tests need: installed ones, or Debian's packages unpacked into .cache of the project.
import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { root } from './prepare.mjs';
import { say } from './say.mjs';

export const run = (command, args, options = {}) =>
  spawnSync(command, args, { stdio: ['ignore', 2, 2], ...options }).status === 0;

/** Also where the PATH of a user has no server programs. */
export function onPath(name) {
  return [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin']
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

/** A script that runs `program` of these packages, unpacked without root and without starting a service. */
export function aptUnpacked(program, packages, works) {
  if (onPath('apt-get') === undefined || onPath('dpkg') === undefined) return undefined;
  const name = program.split('/').at(-1);
  const home = join(root, '.cache/apt');
  const bin = join(home, `${name}.sh`);
  if (existsSync(bin) && works(bin)) return bin;
  say(`no ${name} found: unpacking Debian's into .cache/apt`);
  const debs = `debs-${name}`;
  for (const folder of ['lists/partial', 'cache/archives/partial', debs, 'root'])
    mkdirSync(join(home, folder), { recursive: true });
  const own = [
    ['-o', `Dir::State::lists=${home}/lists`],
    ['-o', `Dir::Cache=${home}/cache`],
    ['-o', 'APT::Sandbox::User='],
    ['-o', 'Debug::NoLocking=1'],
  ].flat();
  if (!run('apt-get', [...own, '-qq', 'update'])) return undefined;
  // Package names differ between releases; missing ones are skipped.
  for (const one of packages.split(' '))
    spawnSync('apt-get', [...own, '-qq', 'download', one], { cwd: join(home, debs), stdio: 'ignore' });
  for (const file of readdirSync(join(home, debs))) run('dpkg', ['-x', join(home, debs, file), join(home, 'root')]);
  const libraries = readdirSync(join(home, 'root/usr/lib')).filter((folder) => folder.endsWith('-linux-gnu'));
  const path = libraries.map((folder) => `${home}/root/usr/lib/${folder}`).join(':');
  writeFileSync(bin, `#!/bin/sh\nLD_LIBRARY_PATH='${path}' exec '${home}/root/${program}' "$@"\n`, { mode: 0o755 });
  return works(bin) ? bin : undefined;
}
