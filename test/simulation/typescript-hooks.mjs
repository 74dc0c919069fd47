import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { compiled } from '../../scripts/jest/compiled.mjs';

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
    source: compiled(path, planted(path, readFileSync(path, 'utf8'))).code,
    shortCircuit: true,
  };
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
