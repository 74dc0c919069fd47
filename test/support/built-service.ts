import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { pino } from 'pino';
import { PATIENCE } from './service-process.js';

const build = resolve(import.meta.dirname, '../../build');

/**
 * A module of the build, by its path in `src`. It is loaded once for all specs of a worker of jest, and its classes are
 * not those that a spec imports. Needs `npm run build`.
 */
export function built<Module>(path: string): Promise<Module> {
  return import(pathToFileURL(resolve(build, path)).href) as Promise<Module>;
}

/** The built service in this process with these settings, on a free port. `get` takes the classes that a spec imports. */
export async function serveBuilt(env: Readonly<Record<string, string>>, docs = false): Promise<NestFastifyApplication> {
  const { createApp } = await built<typeof import('../../src/app.js')>('app.js');
  const { readConfig } = await built<typeof import('../../src/config/read-config.js')>('config/read-config.js');
  const app = await createApp(readConfig({ ...PATIENCE, ...env }), { logger: pino({ level: 'silent' }), docs });
  await app.listen(0, '127.0.0.1');
  const get = (token: Token) => app.get(typeof token === 'function' ? likeNamed(app, token) : token);
  return new Proxy(app, { get: (target, name) => (name === 'get' ? get : Reflect.get(target, name)) });
}

type Token = string | symbol | Function; // oxlint-disable-line typescript/no-unsafe-function-type -- as Nest has it

interface Container {
  readonly container: { getModules(): Map<string, { readonly providers: Map<Token, unknown> }> };
}

/** The class of the build with this name. */
function likeNamed(app: NestFastifyApplication, { name }: { readonly name: string }): Token {
  const modules = [...(app as unknown as Container).container.getModules().values()];
  const tokens = new Set(modules.flatMap(({ providers }) => [...providers.keys()]));
  const [found, ...more] = [...tokens].filter((token) => typeof token === 'function' && token.name === name);
  if (found === undefined || more.length > 0) throw new Error(`${name}: ${1 + more.length} providers of this name`);
  return found;
}
