import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { root } from '../prepare.mjs';

const require = createRequire(import.meta.url);
const folder = join(root, '.cache/typescript');
const OPTIONS = {
  swcrc: false,
  sourceMaps: true,
  module: { type: 'es6' },
  jsc: {
    target: 'es2023',
    keepClassNames: true,
    parser: { syntax: 'typescript', decorators: true },
    transform: { legacyDecorator: true, decoratorMetadata: true, useDefineForClassFields: false },
  },
};

/** JavaScript of a TypeScript source, and the file with its source map. Both are kept by path and source. */
export function compiled(path, source) {
  const hash = createHash('sha1').update(JSON.stringify(OPTIONS)).update(`${path}\n${source}`).digest('hex');
  const [file, map] = [join(folder, `${hash}.js`), join(folder, `${hash}.js.map`)];
  if (existsSync(file)) return { code: readFileSync(file, 'utf8'), map };
  // The compiler is a large library, which a process whose sources are all known need not load.
  const result = require('@swc/core').transformSync(source, { ...OPTIONS, filename: path });
  mkdirSync(folder, { recursive: true });
  put(map, result.map);
  put(file, result.code);
  return { code: result.code, map };
}

/** Another process may write the same file. */
function put(file, text) {
  writeFileSync(`${file}.${process.pid}`, text);
  renameSync(`${file}.${process.pid}`, file);
}
