import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from '@jest/globals';
import { describeClient } from '../support/describe-service.js';

/** @throws Error with what the program printed */
const run = (file: string, args: readonly string[]) =>
  promisify(execFile)(file, args).catch((error: { stdout: string; stderr: string }) => {
    throw new Error(error.stdout + error.stderr);
  });

/** Typed by the generated paths: a request that the document does not take does not compile. */
const CLIENT = `
import type { paths } from './api.js';
declare const console: { log(text: string): void };
type Body<P extends keyof paths, M extends keyof paths[P]> =
  paths[P][M] extends { requestBody?: infer B } ? NonNullable<B> extends { content: infer C } ? C[keyof C] : never : never;
const of = <P extends keyof paths, M extends keyof paths[P] & string>(path: P, method: M, body: Body<P, M>) => ({ path, method, body });
export const requests = [
  of('/v1/workflows/{id}', 'put', { state: { status: 'generating' }, ttlSeconds: 60 }),
  of('/v1/workflows/{id}/state', 'patch', { status: 'reviewing' }),
  of('/v1/queues/{queue}/tasks', 'post', { payload: { text: 'hello' }, priority: 3 }),
  of('/v1/queues/{queue}/claims', 'post', { max: 1, leaseMs: 30000 }),
  of('/v1/commits', 'post', { puts: [{ id: 'typed-2', state: {} }] }),
];
// @ts-expect-error -- a priority is a number
of('/v1/queues/{queue}/tasks', 'post', { payload: 1, priority: 'high' });
console.log(JSON.stringify(requests));
`;

describeClient('types generated from the document', (service) => {
  it('compile, know every body, and make requests that work', async () => {
    // In the project, so that packages resolve, and where no check of it looks.
    await mkdir('.cache', { recursive: true });
    const folder = await mkdtemp(join(process.cwd(), '.cache/types-'));
    try {
      await writeFile(join(folder, 'openapi.json'), (await service.get('/openapi.json')).text);
      await run(process.execPath, [
        'node_modules/openapi-typescript/bin/cli.js',
        join(folder, 'openapi.json'),
        '-o',
        join(folder, 'api.d.ts'),
        // A member with a default may be left out of a request.
        '--default-non-nullable=false',
      ]);
      const types = await readFile(join(folder, 'api.d.ts'), 'utf8');
      const bodies = [...types.matchAll(/requestBody\??: \{\s+content: \{([^]*?)\};\s+\};/g)].map(
        ([, content = '']) => content,
      );
      expect(bodies.length).toBeGreaterThan(30);
      expect(bodies.filter((body) => /^\s+"[^"]+": unknown;$/m.test(body))).toEqual([]);
      await writeFile(join(folder, 'package.json'), '{"type":"module"}');
      await writeFile(join(folder, 'client.ts'), CLIENT);
      const flags = ['--strict', '--module', 'nodenext', '--target', 'es2023', '--lib', 'es2023', '--ignoreConfig'];
      await run(process.execPath, ['node_modules/typescript/bin/tsc', ...flags, join(folder, 'client.ts')]);
      const { stdout } = await run(process.execPath, [join(folder, 'client.js')]);
      for (const { path, method, body } of JSON.parse(stdout) as { path: string; method: string; body: unknown }[]) {
        const place = path.replace('{id}', 'typed-1').replace('{queue}', 'typed');
        const type = method === 'patch' ? 'application/merge-patch+json' : 'application/json';
        const asked = { headers: { 'content-type': type }, body: JSON.stringify(body) };
        const { status, text } = await service.call(method.toUpperCase(), place, asked);
        expect([place, status, text]).toEqual([place, method === 'put' || path.endsWith('tasks') ? 201 : 200, text]);
      }
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});
