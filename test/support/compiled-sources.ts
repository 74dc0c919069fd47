import { transformFile } from '@swc/core';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

const root = resolve(import.meta.dirname, '../..');

/** The sources as plain JavaScript, for test programs in processes of their own. */
export interface CompiledSources {
  /** URL of the folder that stands for `src`, with a slash at its end. */
  readonly url: string;
  remove(): Promise<void>;
}

/** Compiles into a folder of the project, so that packages resolve; anew each time, so that no test uses an old build. */
export async function compileSources(): Promise<CompiledSources> {
  const cache = join(root, '.cache');
  await mkdir(cache, { recursive: true });
  const target = await mkdtemp(join(cache, 'sources-'));
  const files = await readdir(join(root, 'src'), { recursive: true });
  const sources = files.filter((file) => file.endsWith('.ts') && !file.endsWith('.spec.ts'));
  await Promise.all(sources.map((file) => compile(file, target)));
  return { url: `${pathToFileURL(target).href}/`, remove: () => rm(target, { recursive: true, force: true }) };
}

async function compile(file: string, target: string): Promise<void> {
  const { code } = await transformFile(join(root, 'src', file), {
    swcrc: false,
    module: { type: 'es6' },
    jsc: {
      target: 'es2023',
      parser: { syntax: 'typescript', decorators: true },
      transform: { legacyDecorator: true, decoratorMetadata: true, useDefineForClassFields: false },
    },
  });
  const compiled = join(target, file.replace(/\.ts$/, '.js'));
  await mkdir(dirname(compiled), { recursive: true });
  await writeFile(compiled, code);
}
