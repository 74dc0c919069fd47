import { connect } from 'node:net';
import { describe, expect, it } from '@jest/globals';
import { OPERATIONS } from '../support/operations.js';
import { describeService, WORKFLOWS, type Service } from '../support/describe-service.js';

const CODES_OF_JSON: [string, string, number, string][] = [
  ['no JSON', '{"state":', 400, 'INVALID_JSON'],
  ['nothing', '', 400, 'INVALID_JSON'],
  ['a name twice', '{"state":{"a":1,"a":2}}', 422, 'JSON_REFUSED'],
  ['a name twice, once escaped', '{"state":{"a":1,"\\u0061":2}}', 422, 'JSON_REFUSED'],
  ['a number beyond a double', '{"state":1e400}', 422, 'JSON_REFUSED'],
  ['a lone surrogate', '{"state":"\\ud800"}', 422, 'JSON_REFUSED'],
  ['101 levels', `{"state":${'['.repeat(100)}${']'.repeat(100)}}`, 422, 'JSON_REFUSED'],
  ['a list for a body', '[]', 422, 'INVALID_BODY'],
  ['no state', '{}', 422, 'INVALID_BODY'],
  ['members nobody knows', '{"state":1,"version":7,"__proto__":1}', 422, 'INVALID_BODY'],
  ['no time to live', '{"state":1,"ttlSeconds":0}', 422, 'INVALID_BODY'],
  ['a negative time to live', '{"state":1,"ttlSeconds":-5}', 422, 'INVALID_BODY'],
  ['a fraction of a second', '{"state":1,"ttlSeconds":1.5}', 422, 'INVALID_BODY'],
  ['a time to live in words', '{"state":1,"ttlSeconds":"60"}', 422, 'INVALID_BODY'],
  ['more time than there is', '{"state":1,"ttlSeconds":1e15}', 422, 'INVALID_BODY'],
];

/** Sends raw bytes; gives all that comes back until the connection ends. */
function raw(service: Service, bytes: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = '';
    const socket = connect(Number(new URL(service.url).port), '127.0.0.1', () => socket.write(bytes));
    socket.on('data', (chunk: Buffer) => (answer += chunk.toString()));
    socket.on('close', () => resolve(answer));
    socket.on('error', reject);
  });
}

describeService(
  'the service',
  (service) => {
    const at = (id: string, rest = '') => `${WORKFLOWS}/${id}${rest}`;

    describe('bad input', () => {
      it.each([
        ['%00', 422],
        ['a%0D%0AX', 422],
        ['a%7Fb', 422],
        ['%C2%85', 422],
        ['%EF%BF%BF', 422],
        ['x'.repeat(201), 422],
        ['%C3%A9'.repeat(101), 422],
        ['x'.repeat(1024), 422],
        ['count', 422],
        ['a%ff', 400],
      ])('in the place of an id is refused: %s', async (id, status) => {
        const before = (await service.get(`${WORKFLOWS}/count`)).json.count;
        const refused = await service.put(`${WORKFLOWS}/${id}`, { state: 1 });
        expect(refused.status).toBe(status);
        expect(refused.headers.get('content-type')).toBe('application/problem+json; charset=utf-8');
        expect(refused.json).toMatchObject({
          type: expect.stringMatching(/^\/problems\//),
          title: expect.any(String),
          status,
          code: expect.any(String),
        });
        expect(refused.json.instance).toBe(refused.headers.get('x-request-id'));
        expect((await service.get(`${WORKFLOWS}/count`)).json.count).toBe(before);
      });

      it.each(CODES_OF_JSON)('in a body is refused: %s', async (_what, body, status, code) => {
        const id = service.id();
        const refused = await service.call('PUT', at(id), { body: Buffer.from(body) });
        expect([refused.status, refused.json.code]).toEqual([status, code]);
        expect((await service.get(at(id))).status).toBe(404);
      });

      it('that is not UTF-8 is refused', async () => {
        const refused = await service.call('PUT', at(service.id(), '/state'), {
          body: Buffer.from([0x22, 0xff, 0x22]),
        });
        expect([refused.status, refused.json.code]).toEqual([400, 'INVALID_JSON']);
      });

      it('that is too large is measured', async () => {
        const limit = 2048;
        const little = await service.put(at(service.id()), { state: 'x'.repeat(limit) });
        expect([little.status, little.json.code, little.json.limit, little.json.actual]).toEqual([
          413,
          'STATE_TOO_LARGE',
          limit,
          limit + 2,
        ]);
        const lot = await service.put(at(service.id()), { state: 'x'.repeat(200_000) });
        expect([lot.status, lot.json.code, lot.json.actual]).toEqual([413, 'STATE_TOO_LARGE', 200_012]);
        const id = service.id();
        await service.put(at(id), { state: { a: 'x'.repeat(2000) } });
        expect((await service.patch(at(id, '/state'), 'merge', { b: 'x'.repeat(100) })).status).toBe(413);
        expect((await service.get(at(id))).json.version).toBe(1);
      });

      it('in another form than JSON is refused', async () => {
        const send = async (headers: Record<string, string>) =>
          (await service.call('PUT', at(service.id()), { body: '{"state":1}', headers })).status;
        expect(await send({ 'content-type': 'text/plain' })).toBe(415);
        expect(await send({ 'content-type': 'application/x-www-form-urlencoded' })).toBe(415);
        expect(await send({ 'content-type': 'application/json; charset=latin1' })).toBe(415);
        expect(await send({ 'content-type': 'application/json', 'content-encoding': 'gzip' })).toBe(415);
        expect(await send({ 'content-type': 'application/json; charset=utf-8' })).toBe(201);
        expect(await send({ 'content-type': 'Application/JSON' })).toBe(201);
      });

      it('cannot reach the prototype of objects', async () => {
        const id = service.id();
        await service.put(at(id), { state: {} });
        await service.call('PATCH', at(id, '/state'), {
          body: '{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}',
          headers: { 'content-type': 'application/merge-patch+json' },
        });
        expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
        expect((await service.get(at(id, '/state'))).text).toContain('"__proto__":{"polluted":1}');
      });

      it('that never ends is cut off', async () => {
        const slowHeaders = await raw(service, 'GET /status HTTP/1.1\r\nHost: localhost\r\nX-Slow: ');
        expect(slowHeaders).toMatch(/^HTTP\/1\.1 408 /);
        expect(slowHeaders).toContain('"code":"REQUEST_TIMEOUT"');
        const slowBody = await raw(
          service,
          `PUT ${at('slow')} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"sta`,
        );
        expect(slowBody === '' || slowBody.startsWith('HTTP/1.1 408 ')).toBe(true);
        expect((await service.get(at('slow'))).status).toBe(404);
      });

      it('that is no HTTP is answered as a problem too', async () => {
        expect(await raw(service, 'HELLO\r\n\r\n')).toMatch(
          /^HTTP\/1\.1 400 [^]*application\/problem\+json[^]*BAD_REQUEST/,
        );
        expect(await raw(service, `GET / HTTP/1.1\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`)).toMatch(
          /^HTTP\/1\.1 400 [^]*INVALID_HEADER/,
        );
        expect((await service.get('/status')).status).toBe(200);
      });
    });

    describe('paths and methods', () => {
      it('that do not exist are told apart', async () => {
        const lost = await service.get('/v2/workflows');
        expect([lost.status, lost.json.code]).toEqual([404, 'ROUTE_NOT_FOUND']);
        const wrong = await service.call('POST', at('a'), { body: '{}' });
        expect([wrong.status, wrong.json.code, wrong.headers.get('allow')]).toEqual([
          405,
          'METHOD_NOT_ALLOWED',
          'DELETE, GET, HEAD, OPTIONS, PUT',
        ]);
        const options = await service.call('OPTIONS', at('a', '/state'));
        expect([options.status, options.headers.get('accept-patch')]).toEqual([
          204,
          'application/merge-patch+json, application/json-patch+json',
        ]);
      });

      it('refuse a query they do not take', async () => {
        expect((await service.get(`${at('a')}?x=1`)).json.code).toBe('INVALID_QUERY');
      });

      it('pass request ids and traces on', async () => {
        const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
        const given = await service.get('/status', { headers: { 'x-request-id': 'mine-1', traceparent } });
        expect([given.headers.get('x-request-id'), given.headers.get('traceparent')]).toEqual(['mine-1', traceparent]);
        const made = await service.get('/status', { headers: { 'x-request-id': 'not good!', traceparent: '00-zz' } });
        expect(made.headers.get('x-request-id')).toMatch(/^[A-Za-z0-9._-]{1,64}$/);
        expect(made.headers.get('traceparent')).toBeNull();
      });
    });

    describe('health', () => {
      it('is told to probes and to people', async () => {
        expect((await service.get('/health/live')).json.status).toBe('ok');
        expect((await service.get('/health/ready')).json.details.storage).toMatchObject({
          status: 'up',
          engine: service.engine,
        });
        const { details } = (await service.get('/health')).json;
        expect(details.storage).toMatchObject({
          durability: expect.any(String),
          warnings: expect.any(Array),
          latencyMs: expect.any(Number),
        });
        expect(details).toMatchObject({
          memory: { rssBytes: expect.any(Number), budgetBytes: expect.any(Number) },
          eventLoop: { p99DelayMs: expect.any(Number) },
        });
        expect((await service.get('/status')).json).toMatchObject({ status: 'ok', storage: service.engine });
      });

      it('of a problem is explained under its type', async () => {
        const { type } = (await service.get(at('nobody-has-this'))).json;
        const explained = await service.get(type);
        expect([explained.status, explained.headers.get('content-type')]).toEqual([
          200,
          'text/markdown; charset=utf-8',
        ]);
        expect(explained.text).toMatch(/^# WORKFLOW_NOT_FOUND \(404 Workflow not found\)\n/);
        const page = await service.get(type, { headers: { accept: 'text/html,*/*' } });
        expect(page.headers.get('content-type')).toBe('text/html; charset=utf-8');
        expect(page.text).toContain('<h1>WORKFLOW_NOT_FOUND');
        expect((await service.get('/problems/no-such-problem')).json.code).toBe('ROUTE_NOT_FOUND');
      });

      it('is counted for Prometheus', async () => {
        const id = service.id();
        await service.put(at(id), { state: 1 });
        await service.put(at(id), { state: 1 }, { headers: { 'if-match': '"other-1"' } });
        await service.get('/nowhere/at/all');
        const { text, headers } = await service.get('/metrics');
        expect(headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
        expect(text).toMatch(
          /waymark_http_request_duration_seconds_count\{method="PUT",route="\/v1\/workflows\/:id",status="2xx"\} \d/,
        );
        expect(text).toMatch(
          /waymark_http_request_duration_seconds_count\{method="GET",route="none",status="4xx"\} \d/,
        );
        expect(text).toMatch(/waymark_engine_command_duration_seconds_count\{command="commit",outcome="ok"\} \d/);
        expect(text).toMatch(/waymark_commit_conflicts_total [1-9]/);
        for (const name of ['workflows_written_total', 'workflows_read_total', 'workflows_expired_total', 'build_info'])
          expect(text).toContain(`waymark_${name}`);
        expect(text).not.toMatch(/case-\d|nowhere/);
      });
    });

    it('answers as documented, on every route of its own', () => {
      expect([...service.checker.exercised]).toEqual(expect.arrayContaining([...OPERATIONS.service]));
      expect(Object.values(OPERATIONS).flat().sort()).toEqual(service.checker.operations.sort());
    });
  },
  { MAX_STATE_BYTES: '2048', REQUEST_TIMEOUT: '1s', HEADERS_TIMEOUT: '1s' },
);
