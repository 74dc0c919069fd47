import { createHash, randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { Redis } from 'ioredis';
import { pino } from 'pino';
import { WebSocket } from 'ws';
import { createApp } from '../../src/app.js';
import { InvalidEnvironmentError } from '../../src/config/invalid-environment.error.js';
import { readConfig } from '../../src/config/read-config.js';
import { routeNames } from '../../src/access/routes.js';
import { newKeyId, newToken } from '../../src/access/token.js';
import { runHere } from '../cli/run-here.js';
import { fastDirectory } from '../support/fast-directory.js';
import { TestIssuer } from '../support/issuer.js';
import { startRedisProcess, type RedisProcess } from '../support/redis-process.js';
import { methodOf, pathOf } from '../support/route-table.js';
import { sendAsIs, type SentAsIs } from '../support/send-as-is.js';
import { until } from '../support/until.js';

const planted = (name: string) => `planted-${name}-${randomBytes(12).toString('hex')}`;
/** Of characters that no id and no tenant has: a name in a path is shown to whoever has sent it. */
const ADMIN_TOKEN = `${planted('operator')}+/==`;
const REDIS_PASSWORD = planted('redis');
/** Too short for a token of the operator. */
const SHORT = randomBytes(5).toString('hex');
/** Stands in a state, a payload and a message: where it is not found, a token would not be found either. */
const MARK = planted('mark');

const TIMEOUT_MS = 600_000;
/** Any token, whether the test knows it or not. The beginning of one is shown so that people recognise it. */
const ANY_TOKEN = /wm(?:k_[a-z0-9_-]{1,63}|[os])_[a-z2-7]{16}_[0-9A-Za-z]{5}|eyJ[\w-]+\.eyJ[\w-]+\./;

/** Secrets by name, and every form in which they could be written. */
class Secrets {
  readonly #forms = new Map<string, string>();

  add(name: string, secret: string): string {
    this.#forms.set(name, secret);
    const bytes = Buffer.from(secret);
    for (const form of ['base64url', 'hex'] as const) this.#forms.set(`${name} in ${form}`, bytes.toString(form));
    return secret;
  }

  addDigest(name: string, token: string): void {
    const digest = createHash('sha256').update(token).digest();
    for (const form of ['hex', 'base64', 'base64url'] as const)
      this.#forms.set(`digest of ${name} in ${form}`, digest.toString(form));
  }

  /** Names of those that stand in the text. */
  in(text: string): string[] {
    const found = [...this.#forms].filter(([, form]) => text.includes(form)).map(([name]) => name);
    const [token] = ANY_TOKEN.exec(text) ?? [];
    return token === undefined ? found : [...found, `a token: ${token}`];
  }
}

/** The bytes of all files in a directory, as one text. */
function filesIn(directory: string): string {
  const files = readdirSync(directory, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return files.map(({ parentPath, name }) => readFileSync(join(parentPath, name), 'latin1')).join('\n');
}

function messageOf(run: () => unknown): string {
  try {
    run();
    return '';
  } catch (error) {
    return String(error);
  }
}

const issuer = await TestIssuer.start('EdDSA');
afterAll(() => issuer.stop());

describe.each(['memory', 'redis'] as const)('a service with planted secrets on %s', (storage) => {
  const tokens = new Secrets();
  const digests = new Secrets();
  const answers: string[] = [];
  let redis: RedisProcess | undefined;
  let directory: string;
  let app: NestFastifyApplication;
  let url: string;
  let env: Record<string, string>;
  let log = '';
  let hasClosed = false;

  const remember = (name: string, token: string) => {
    digests.addDigest(name, token);
    return tokens.add(name, token);
  };
  const send = async (method: string, path: string, sent?: SentAsIs) => {
    const answer = await sendAsIs(url, method, path, sent);
    answers.push(JSON.stringify(answer.headers), answer.text);
    return answer;
  };
  const call = async (method: string, path: string, body: unknown, token = ADMIN_TOKEN) => {
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
    const answer = await fetch(url + path, { method, headers, body: JSON.stringify(body) });
    const text = await answer.text();
    expect([path, answer.status, answer.status < 300]).toEqual([path, answer.status, true]);
    return text;
  };
  const make = async (name: string, more: object = {}) => {
    // The only answers that have a token.
    const { id, key } = JSON.parse(await call('POST', '/v1/keys', { name, ...more })) as { id: string; key: string };
    return { id, key: remember(name, key) };
  };
  const socket = (protocols: string[], messages: string[]) =>
    new Promise<void>((resolve) => {
      const one = new WebSocket(`${url.replace('http', 'ws')}/ws`, protocols);
      one.on('message', (data) => void answers.push(String(data)));
      one.on('open', () => messages.forEach((message) => one.send(message)));
      one.on('unexpected-response', (_request, response) => {
        response.on('data', (data: Buffer) => void answers.push(data.toString()));
        response.on('end', resolve);
      });
      one.on('error', () => undefined);
      one.on('close', () => resolve());
      setTimeout(() => one.close(), 100);
    });

  beforeAll(async () => {
    tokens.add('ADMIN_TOKEN', ADMIN_TOKEN);
    digests.addDigest('ADMIN_TOKEN', ADMIN_TOKEN);
    tokens.add('password of Redis', REDIS_PASSWORD);
    directory = await fastDirectory('waymark-secrets-');
    // Nothing in the files of Redis is compressed, so everything in them can be found.
    const plain = ['--requirepass', REDIS_PASSWORD, '--appendonly', 'yes', '--rdbcompression', 'no'];
    redis = storage === 'redis' ? await startRedisProcess(...plain) : undefined;
    env = {
      DATA_DIR: directory,
      ...(redis && { REDIS_URL: `redis://:${REDIS_PASSWORD}@127.0.0.1:${redis.port}` }),
      ADMIN_TOKEN,
      JWT_ISSUER: issuer.url,
      JWT_AUDIENCE: 'waymark',

      // Longer than a busy machine takes.
      REDIS_SOCKET_TIMEOUT: '60s',
      RATE_LIMIT_ENABLED: 'false',
    };
    const logger = pino({ level: 'trace' }, { write: (line: string) => void (log += line) });
    app = await createApp(readConfig({ ...env }), { logger });
    await app.listen(0, '127.0.0.1');
    url = (await app.getUrl()).replace('[::1]', '127.0.0.1');
  });

  afterAll(async () => {
    if (!hasClosed) await app.close();
    await redis?.stop();
  });

  it(
    'takes them in every way there is (invariant 36)',
    async () => {
      const admin = await make('admin', { role: 'admin' });
      const operator = await make('second operator', { role: 'operator' });
      const revoked = await make('revoked', { role: 'admin' });
      await call('POST', `/v1/keys/${revoked.id}/revoke`, {});
      const rotated = JSON.parse(await call('POST', `/v1/keys/${admin.id}/rotate`, {})) as { key: string };
      remember('rotated', rotated.key);
      const own = { id: newKeyId(), kind: 'key', tenant: 'default' } as const;
      const elsewhere = remember('made elsewhere', newToken(own));
      const sha256 = createHash('sha256').update(elsewhere).digest('hex');
      await call('POST', '/v1/keys', { name: 'elsewhere', role: 'writer', id: own.id, sha256 });
      const unknown = remember('unknown', newToken({ kind: 'key', tenant: 'default', id: newKeyId() }));
      const jwt = remember('JWT', await issuer.sign({ org_id: 'default', waymark_role: 'admin' }));
      const expired = remember('expired JWT', await issuer.sign({ org_id: 'default', exp: 1 }));
      const foreign = remember('JWT of nobody', await issuer.sign({ org_id: 'nobody' }));
      const all = [
        ADMIN_TOKEN,
        operator.key,
        admin.key,
        rotated.key,
        elsewhere,
        revoked.key,
        unknown,
        jwt,
        expired,
        foreign,
      ];

      for (const route of routeNames)
        for (const token of [ADMIN_TOKEN, rotated.key, revoked.key, jwt])
          await send(methodOf(route), pathOf(route), { token });
      for (const token of all) {
        await send('GET', '/v1/whoami', { headers: { 'x-api-key': token } });
        await send('GET', `/v1/workflows?access_token=${token}`);
        await send('GET', `/v1/workflows/${token}`, { token: ADMIN_TOKEN });
        await send('GET', `/nowhere/%77${token.slice(1)}#${token}`, { token });
        await send('GET', `/%zz/${token}?token=${token}`, { token });
        const basic = Buffer.from(`user:${token}`).toString('base64');
        for (const headers of [
          { authorization: `Basic ${basic}` },
          { authorization: token },
          { authorization: `Bearer ${token} ${token}` },
          { cookie: `__Host-waymark=${token}` },
          { 'x-api-key': ` ${token}x` },
          { authorization: `Bearer ${ADMIN_TOKEN}`, 'waymark-tenant': token },
          {
            authorization: `Bearer ${ADMIN_TOKEN}`,
            'idempotency-key': token,
            'if-match': token,
            'last-event-id': token,
          },
          { authorization: `Bearer ${ADMIN_TOKEN}`, 'content-type': token, prefer: token, 'x-request-id': `${token}/` },
          { traceparent: token, 'x-forwarded-for': token },
        ])
          await send('PUT', '/v1/workflows/x', { headers });
        for (const body of [
          `{"name":${token}`,
          JSON.stringify({ name: 'x', role: token, ips: [token], sha256: token }),
        ])
          await send('POST', '/v1/keys', {
            token: ADMIN_TOKEN,
            body,
            headers: { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(body)) },
          });
        // ADMIN_TOKEN has characters that no subprotocol has.
        if (token !== ADMIN_TOKEN) {
          await socket(['waymark.v1', `waymark.bearer.${token}`], ['{"type":"ping"}']);
          await socket([`waymark.bearer.${token}`], []);
        }
        await socket([], [JSON.stringify({ type: 'auth', token })]);
        await socket([], [JSON.stringify({ type: 'auth', tokens: token }), token]);
      }
      for (const token of [rotated.key, jwt, operator.key])
        await call('PUT', '/v1/workflows/marked', { state: { mark: MARK } }, token);
      await call('POST', '/v1/queues/q/tasks', { payload: { mark: MARK } }, rotated.key);
    },
    TIMEOUT_MS,
  );

  it('shows none of them in an answer, in metrics or in its state', async () => {
    for (const path of ['/metrics', '/health', '/openapi.json', '/v1/keys', '/v1/tenants'])
      answers.push(await (await fetch(url + path, { headers: { authorization: `Bearer ${ADMIN_TOKEN}` } })).text());
    const shown = answers.join('\n');
    expect(shown).toContain('waymark_http');
    expect(tokens.in(shown)).toEqual([]);
    expect(digests.in(shown)).toEqual([]);
  });

  it('writes none of them into an export', async () => {
    const headers = { authorization: `Bearer ${ADMIN_TOKEN}` };
    const text = await (await fetch(`${url}/v1/export`, { headers })).text();
    expect(text).toContain(MARK);
    expect(text).toContain('.of:default');
    expect(tokens.in(text)).toEqual([]);
  });

  it(
    'shows none of them in commands',
    async () => {
      const settings = { WAYMARK_URL: url, ADMIN_TOKEN, ENV_FILE: '/nothing' };
      const redisUrls = redis
        ? [
            env['REDIS_URL'] as string,
            `redis://:${REDIS_PASSWORD}@127.0.0.1:1`,
            `redis://u:${REDIS_PASSWORD}@127.0.0.1:${redis.port}`,
          ]
        : [];
      for (const [args, more] of [
        [['keys', 'list'], {}],
        [['tenants', 'list'], {}],
        [['whoami'], {}],
        [['whoami'], { WAYMARK_API_KEY: ADMIN_TOKEN, WAYMARK_URL: 'http://127.0.0.1:1' }],
        [['keys', 'list'], { ADMIN_TOKEN: `${ADMIN_TOKEN}x` }],
        ...redisUrls.flatMap((url) => [
          [['doctor'], { REDIS_URL: url }] as const,
          [['doctor', '--json'], { REDIS_URL: url }] as const,
        ]),
        [['doctor'], { REDIS_URL: `redis://:${REDIS_PASSWORD}@:nowhere` }],
      ] as const) {
        const { stdout, stderr } = await runHere(args, { ...settings, ...more });
        expect([args, more, tokens.in(stdout + stderr), digests.in(stdout + stderr)]).toEqual([args, more, [], []]);
      }
    },
    TIMEOUT_MS,
  );

  it(
    'names the setting and not the secret when it refuses to start',
    () => {
      for (const wrong of [
        { ADMIN_TOKEN: SHORT },
        { REDIS_URL: `redis://:${REDIS_PASSWORD}@:nowhere` },
        { REDIS_URL: `http://x:${REDIS_PASSWORD}@127.0.0.1` },
        { ADMIN_TOKN: ADMIN_TOKEN, PORT: 'x' },
      ]) {
        const read = () => readConfig({ ...env, ...wrong });
        expect(read).toThrow(InvalidEnvironmentError);
        const text = messageOf(read);
        expect([Object.keys(wrong), tokens.in(text), text.includes(SHORT)]).toEqual([Object.keys(wrong), [], false]);
      }
    },
    TIMEOUT_MS,
  );

  it('leaves none of them in the store', async () => {
    if (redis === undefined) return;
    const client = new Redis({ port: redis.port, host: '127.0.0.1', password: REDIS_PASSWORD, connectTimeout: 60_000 });
    await client.save();
    const [, folder] = (await client.config('GET', 'dir')) as [string, string];
    const text = filesIn(folder);
    await client.quit();
    expect(text).toContain(MARK);
    expect(tokens.in(text)).toEqual([]);
  });

  it(
    'leaves none of them in its files and its log, nor in the journal of a time without Redis',
    async () => {
      const { key } = await make('last', { role: 'writer' });
      const put = async (id: string) =>
        (
          await fetch(`${url}/v1/workflows/${id}`, {
            method: 'PUT',
            headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
            body: JSON.stringify({ state: { mark: MARK } }),
          })
        ).status;
      expect(await put('before')).toBe(201);
      await redis?.kill();
      await until(async () => [200, 201].includes(await put('after')), 'it writes without Redis');
      for (const token of [key, 'rubbish', ADMIN_TOKEN]) await send('GET', '/v1/whoami', { token });
      await app.close();
      hasClosed = true;
      const files = filesIn(directory);
      expect(files).toContain(MARK);
      expect(tokens.in(files)).toEqual([]);
      // Without a store, the records of keys are in the files, and with them the digests.
      if (redis !== undefined) expect(digests.in(files)).toEqual([]);
      expect(log).toContain('"level":20');
      expect(tokens.in(log)).toEqual([]);
      expect(digests.in(log)).toEqual([]);
    },
    TIMEOUT_MS,
  );
});
