import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = new URL('../../', import.meta.url);
const here = (name) => new URL(name, import.meta.url).href;
/** Modules of the product that reach for a real network. */
const REPLACED = {
  [new URL('src/engine/redis/connection/drivers/driver-for.ts', root).href]: here('sim-driver-for.ts'),
  [new URL('src/engine/redis/connection/drivers/explain-failure.ts', root).href]: here('sim-explain.ts'),
};
const plants = JSON.parse(process.env.SIMULATION_PLANTS ?? '[]');

export async function resolve(specifier, context, next) {
  if (specifier.startsWith('.') && specifier.endsWith('.js') && context.parentURL?.startsWith(root.href)) {
    const url = new URL(specifier.replace(/\.js$/, '.ts'), context.parentURL);
    if (existsSync(fileURLToPath(url))) return { url: REPLACED[url.href] ?? url.href, shortCircuit: true };
  }
  return next(specifier, context);
}

export async function load(url, context, next) {
  if (!url.endsWith('.ts')) return next(url, context);
  const path = fileURLToPath(url);
  return {
    format: 'module',
    source: await compiled(path, planted(path, readFileSync(path, 'utf8'))),
    shortCircuit: true,
  };
}

/** Compiled code is kept by its source: workers start several times as fast. */
async function compiled(path, source) {
  const name = createHash('sha1').update(`${path}\n${source}`).digest('hex');
  const file = fileURLToPath(new URL(`.cache/simulation/${name}.js`, root));
  if (existsSync(file)) return readFileSync(file, 'utf8');
  const { transformSync } = await import('@swc/core');
  const { code } = transformSync(source, {
    filename: path,
    swcrc: false,
    sourceMaps: 'inline',
    module: { type: 'es6' },
    jsc: {
      target: 'es2023',
      keepClassNames: true,
      parser: { syntax: 'typescript', decorators: true },
      transform: { legacyDecorator: true, decoratorMetadata: true, useDefineForClassFields: false },
    },
  });
  mkdirSync(new URL('.cache/simulation/', root), { recursive: true });
  // Another worker may write the same file.
  writeFileSync(`${file}.${process.pid}`, code);
  renameSync(`${file}.${process.pid}`, file);
  return code;
}

/** The source with the bugs that are planted in this file. */
function planted(path, source) {
  let text = source;
  for (const { file, from, to } of plants) {
    if (path !== fileURLToPath(new URL(file, root))) continue;
    if (!text.includes(from)) throw new Error(`${file} has no place for a planted bug: ${from}`);
    text = text.replace(from, () => to);
  }
  return text;
}
