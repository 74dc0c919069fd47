import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { openService, type OpenService } from '../support/open-service.js';
import { startRedisProcess } from '../support/redis-process.js';
import { startService } from '../support/service-process.js';

const run = promisify(execFile);
const folder = mkdtempSync(join(tmpdir(), 'waymark-process-'));

afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('the process', () => {
  it('ends in order on SIGTERM: waiting requests are answered, and writes are there after a restart', async () => {
    const env = { DATA_DIR: join(folder, 'data') };
    const service = await startService(env);
    const url = `${service.url}/v1/workflows/a`;
    const write = { method: 'PUT', headers: { 'content-type': 'application/json' }, body: '{"state":"kept"}' };
    const etag = (await fetch(url, write)).headers.get('etag') as string;
    const waiting = fetch(url, { headers: { prefer: 'wait=60', 'if-none-match': etag } });
    // The request waits for certain as soon as a later one on the same route is answered.
    await fetch(url);
    await fetch(url);
    expect(await service.stop()).toBe(0);
    expect((await waiting).status).toBe(304);
    const again = await startService(env);
    expect(await (await fetch(`${again.url}/v1/workflows/a/state`)).text()).toBe('"kept"');
    expect(await again.stop()).toBe(0);
  });

  it('ends in order although clients hold connections without a running request', async () => {
    const service = await startService({ SHUTDOWN_TIMEOUT: '1m' });
    const { hostname, port } = new URL(service.url);
    const hold = async (text: string) => {
      const socket = connect(Number(port), hostname, () => socket.write(text));
      socket.on('error', () => undefined);
      await once(socket, text.includes('\r\n\r\n') ? 'data' : 'connect');
      socket.resume();
    };
    await Promise.all([
      hold(''),
      hold('GET /health/live HTTP/1.1\r\nHost: half'),
      hold('GET /health/live HTTP/1.1\r\nHost: idle\r\n\r\n'),
      hold('GET /health/live HTTP/1.1\r\nHost: body-to-come\r\nContent-Length: 9\r\n\r\n{'),
    ]);
    // Connections are accepted for certain as soon as a later one is.
    await fetch(`${service.url}/health/live`);
    expect(await service.stop()).toBe(0);
  });

  it('is not ready any more while it shuts down', async () => {
    const service = await startService({ SHUTDOWN_DELAY: '30s' });
    expect((await fetch(`${service.url}/health/ready`)).status).toBe(200);
    service.child.kill('SIGTERM');
    const ready = async () => (await fetch(`${service.url}/health/ready`)).status;
    while ((await ready()) === 200);
    expect(await ready()).toBe(503);
    expect((await fetch(`${service.url}/health/live`)).status).toBe(200);
    // A second signal ends the process at once.
    service.child.kill('SIGTERM');
    const [code] = (await once(service.child, 'exit')) as [number];
    expect(code).toBe(1);
  });

  it('does not start on a wrong configuration, and says all that is wrong', async () => {
    const failed = startService({ PORT: 'x', REDIS_URL: 'redis://:s3cret@word@host' });
    await expect(failed).rejects.toThrow(/PORT="x"[^]*REDIS_URL=[^]*URL-encoded/);
    await expect(failed).rejects.not.toThrow(/s3cret/);
  });

  it('does not start on a Redis that evicts, unless told to', async () => {
    const redis = await startRedisProcess('--maxmemory-policy', 'allkeys-lru');
    try {
      const env = { REDIS_URL: `redis://127.0.0.1:${redis.port}` };
      await expect(startService(env)).rejects.toThrow(/maxmemory-policy is allkeys-lru[^]*noeviction/);
      const service = await startService({ ...env, ALLOW_EVICTION: 'true' });
      const health = (await (await fetch(`${service.url}/health`)).json()) as {
        details: { storage: { condition: string; warnings: string[] } };
      };
      expect(health.details.storage.condition).toBe('degraded');
      expect(health.details.storage.warnings.join()).toContain('allkeys-lru');
      await service.stop();
    } finally {
      await redis.stop();
    }
  });

  it('logs requests with their ids and without content', async () => {
    const service = await startService({ LOG_LEVEL: 'debug' });
    const headers = { 'content-type': 'application/json', 'x-request-id': 'logged-1' };
    await fetch(`${service.url}/v1/workflows/private-id`, {
      method: 'PUT',
      headers,
      body: '{"state":{"secret":"s3cret"}}',
    });
    await service.stop();
    expect(service.log()).toMatch(/"requestId":"logged-1","method":"PUT","route":"\/v1\/workflows\/:id","status":201/);
    expect(service.log()).not.toMatch(/s3cret|private-id/);
  });

  it('has pages that document it', async () => {
    const service = await openService({}, { docs: true });
    const page = await fetch(`${service.url}/docs`);
    expect([page.status, page.headers.get('content-type')]).toEqual([200, expect.stringContaining('text/html')]);
    expect(await page.text()).toContain('<title>Waymark API</title>');
    // No other site may put the pages into a frame.
    expect(page.headers.get('x-frame-options')).toBe('DENY');
    expect(page.headers.get('content-security-policy')).toBe("frame-ancestors 'none'");
    const script = await (await fetch(`${service.url}/docs/swagger-ui-init.js`)).text();
    expect(script).toMatch(/"tryItOutEnabled": true/);
    const { paths } = (await (await fetch(`${service.url}/openapi.json`)).json()) as { paths: Record<string, unknown> };
    expect(Object.keys(paths)).toContain('/v1/workflows/{id}/versions/{from}/diff/{to}');
    await service.close();
  });
});

/** Requests in a page, each with its answer. */
function requestsOf(page: string): (readonly [command: string, answer: string])[] {
  const text = readFileSync(new URL(`../../${page}`, import.meta.url), 'utf8');
  // A backslash continues a command; a line of the answer that begins with spaces continues the one above it.
  const shown = /```console\n\$ (curl (?:.*\\\n)*.*)\n([^]*?)\n```/g;
  return [...text.matchAll(shown)].map(([, command = '', answer = '']) => [command, answer.replace(/\n +/g, '')]);
}

describe.each([
  ['README.md', 5],
  ['docs/routing.md', 3],
])('%s', (page, least) => {
  let service: OpenService;
  const requests = requestsOf(page);

  beforeAll(async () => {
    service = await openService({});
  });

  afterAll(() => service.close());

  it(`shows at least ${least} requests`, () => {
    expect(requests.length).toBeGreaterThanOrEqual(least);
  });

  it.each(requests)('is right about: %s', async (command, expected) => {
    const { stdout } = await run('bash', ['-c', command.replaceAll('localhost:3000', new URL(service.url).host)]);
    const pattern = expected.split('…').map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
    expect(stdout.trim()).toMatch(new RegExp(`^${pattern.join('.*')}$`));
  });
});
