// Installs dependencies and builds, but only when they are missing or outdated.
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { die, say } from './say.mjs';

export const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');

// Output of the tools goes to stderr, because stdout belongs to the program.
const run = (command, args, options = {}) =>
  spawnSync(command, args, { cwd: root, stdio: ['ignore', 2, 2], ...options }).status === 0;
const writtenAt = (file) => (existsSync(file) ? statSync(file).mtimeMs : 0);
const filesIn = (folder) => readdirSync(folder, { recursive: true }).map(String);

export function install() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (!(major >= 24 || (major === 22 && minor >= 12) || (major === 20 && minor >= 19))) {
    die(`Node ${process.versions.node} is not supported: use 20.19 or later, 22.12 or later, or 24 or later`);
  }
  const mark = join(root, 'node_modules/.package-lock.json');
  if (existsSync(mark) && writtenAt(mark) >= writtenAt(join(root, 'package-lock.json'))) return;
  say('installing dependencies (npm ci)');
  const npm = process.env.npm_execpath;
  const ok = npm ? run(process.execPath, [npm, 'ci']) : run('npm', ['ci'], { shell: process.platform === 'win32' });
  if (!ok) die('npm ci failed, see above');
}

/**
 * Compiles src to build, and joins its modules and their packages to the files of dist, which run. Both are written to
 * new folders that replace the old ones, so that no process runs half a build.
 */
export function build() {
  const source = join(root, 'src');
  const sources = [
    ...filesIn(source).map((file) => join('src', file)),
    'package.json',
    'tsconfig.json',
    'tsconfig.build.json',
    'scripts/bundle.mjs',
  ];
  const newest = Math.max(...sources.map((file) => writtenAt(join(root, file))));
  if (writtenAt(join(root, 'dist/main.js')) > newest) return;
  say('building');
  const fresh = (folder) => join(root, `.cache/${folder}-${process.pid}`);
  const [compiled, bundled] = [fresh('build'), fresh('dist')];
  mkdirSync(compiled, { recursive: true });
  const tsc = join(root, 'node_modules/typescript/bin/tsc');
  // Types are left to `npm run check`: to check them takes most of the time of a build.
  const options = ['--outDir', compiled, '--incremental', 'false', '--noCheck'];
  const built =
    run(process.execPath, [tsc, '-p', 'tsconfig.build.json', ...options]) &&
    run(process.execPath, [join(root, 'scripts/bundle.mjs'), compiled, bundled]);
  if (!built) {
    for (const folder of [compiled, bundled]) rmSync(folder, { recursive: true, force: true });
    die('the build failed, see above');
  }
  for (const file of filesIn(source).filter((name) => name.endsWith('.lua'))) {
    for (const folder of [compiled, bundled]) {
      mkdirSync(dirname(join(folder, file)), { recursive: true });
      copyFileSync(join(source, file), join(folder, file));
    }
  }
  replace(join(root, 'build'), compiled);
  replace(join(root, 'dist'), bundled);
}

function replace(folder, fresh) {
  const stale = `${fresh}-old`;
  if (existsSync(folder)) renameSync(folder, stale);
  renameSync(fresh, folder);
  rmSync(stale, { recursive: true, force: true });
}
