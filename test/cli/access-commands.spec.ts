import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { parseToken } from '../../src/access/token.js';
import { AccessClient } from '../../src/client/index.js';
import { describeClient, WORKFLOWS } from '../support/describe-service.js';
import { startCommand } from '../support/command-process.js';
import { startService, type ServiceProcess } from '../support/service-process.js';
import { until } from '../support/until.js';
import { FakeService, problem } from './fake-service.js';
import { runHere } from './run-here.js';
import { waymark } from './waymark-process.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const ADMIN_TOKEN = 'a-token-of-some-length';
const LIMITS = JSON.stringify({ limits: { llm: { limit: 3, windowMs: 3_600_000, burst: 3 } } });

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'waymark-access-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describeClient(
  'the commands for access',
  (service) => {
    const run = (args: readonly string[], env: Record<string, string> = { ADMIN_TOKEN }) =>
      runHere(args, { WAYMARK_URL: service.url, DATA_DIR: '/nowhere', ...env });
    const statusOf = async (token: string) => (await service.get(`${WORKFLOWS}/a`, { token })).status;

    it('keys create prints the token on stdout and everything else on stderr', async () => {
      const made = await run(['keys', 'create', '--name', 'writer-service', '--role', 'worker', '--ttl', '90d']);
      expect(made.code).toBe(0);
      const token = made.stdout.trimEnd();
      const { id } = parseToken(token) as { id: string };
      expect(made.stdout).toBe(`${token}\n`);
      expect(made.stderr).not.toContain(token);
      expect(made.stderr).toMatch(
        new RegExp(
          `^${id} \\(writer-service\\) of tenant default: worker\nit expires at .+\nthe token above is shown this once`,
        ),
      );
      expect(await statusOf(token)).toBe(404);
      const quiet = await run(['keys', 'create', '--name', 'b', '--quiet']);
      expect([quiet.code, quiet.stderr]).toEqual([0, '']);
      expect(parseToken(quiet.stdout.trimEnd())).toMatchObject({ kind: 'key', tenant: 'default' });
      const json = await run(['keys', 'create', '--name', 'c', '--scopes', 'workflows:read, events:read', '--json']);
      expect(JSON.parse(json.stdout)).toMatchObject({
        name: 'c',
        role: null,
        scopes: ['workflows:read', 'events:read'],
      });
      expect(json.stderr).toBe('');
    });

    it('keys create hands on everything that a key can have', async () => {
      const { stdout } = await run(
        [
          ['keys', 'create', '--json', '--name', 'all', '--role', 'reader', '--user', 'ada', '--ttl', '1h'],
          ['--ips', '127.0.0.0/8,::1', '--limit', '600/1m', '--burst', '50', '--metadata', '{"team":"blue"}'],
          ['--id', 'k7mqzr2x4w5yd3ha'],
        ].flat(),
      );
      expect(JSON.parse(stdout)).toMatchObject({
        id: 'k7mqzr2x4w5yd3ha',
        role: 'reader',
        user: 'ada',
        ips: ['127.0.0.0/8', '::1'],
        limit: { limit: 600, windowMs: 60_000, burst: 50 },
        metadata: { team: 'blue' },
      });
      const again = await run(['keys', 'create', '--name', 'all', '--id', 'k7mqzr2x4w5yd3ha']);
      expect([again.code, again.stdout]).toEqual([1, '']);
      expect(again.stderr).toContain('ALREADY_EXISTS');
    });

    it('keys list, show, rotate, revoke and delete do what they say', async () => {
      const token = (await run(['keys', 'create', '--name', 'turned', '--quiet'])).stdout.trimEnd();
      const { id } = parseToken(token) as { id: string };
      const row = async () => (await run(['keys', 'list'])).stdout.split('\n').find((line) => line.startsWith(id));
      expect(await row()).toMatch(new RegExp(`^${id}  turned +writer +wmk_default_${id}_....…  active +never$`));
      const lines = (await run(['keys', 'list', '--json'])).stdout.trimEnd().split('\n');
      expect(lines.map((line) => JSON.parse(line).id)).toContain(id);
      expect(JSON.parse((await run(['keys', 'show', id])).stdout)).toMatchObject({ id, name: 'turned' });
      const rotated = await run(['keys', 'rotate', id, '--grace', '1h']);
      expect(rotated.stderr).toContain('the old secret is accepted until ');
      const second = rotated.stdout.trimEnd();
      expect([await statusOf(token), await statusOf(second)]).toEqual([404, 404]);
      const third = (await run(['keys', 'rotate', id, '--grace', '0s', '--quiet'])).stdout.trimEnd();
      await until(async () => (await statusOf(second)) === 401, 'the old secret is refused');
      expect(await statusOf(third)).toBe(404);
      expect((await run(['keys', 'revoke', id])).stderr).toMatch(new RegExp(`^${id} \\(turned\\) is revoked since `));
      await until(async () => (await statusOf(third)) === 401, 'the key is refused');
      expect(await row()).toContain('  revoked 20');
      expect((await run(['keys', 'delete', id])).code).toBe(0);
      expect((await run(['keys', 'show', id])).stderr).toContain('404 KEY_NOT_FOUND');
      for (const { stdout, stderr } of [await run(['keys', 'list', '--json']), rotated])
        expect(`${stdout.replace(second, '')}${stderr}`).not.toContain(second.slice(-40));
    });

    it('keys generate makes a token that the service learns by its digest only', async () => {
      const made = await run(['keys', 'generate', '--tenant', 'default'], {});
      const token = made.stdout.trimEnd();
      expect(await statusOf(token)).toBe(401);
      const [, command = ''] = made.stderr.split('\n  waymark ');
      const created = await run(command.trim().replace('<name>', 'made-elsewhere').split(' '));
      expect([created.code, created.stdout]).toEqual([0, '']);
      // Refused tokens are remembered for a while, unless their record changes.
      await until(async () => (await statusOf(token)) === 404, 'the token is accepted');
      const operator = JSON.parse((await run(['keys', 'generate', '--role', 'operator', '--json'], {})).stdout);
      expect(operator).toMatchObject({ tenant: null, key: expect.stringMatching(/^wmo_/) });
      const { id, sha256 } = operator;
      await run(['keys', 'create', '--role', 'operator', '--name', 'ops', '--id', id, '--sha256', sha256]);
      const listed = await run(['keys', 'list', '--role', 'operator'], { WAYMARK_API_KEY: operator.key });
      expect(listed.stdout).toContain(id);
    });

    it('whoami says whose the credential is, and where it came from', async () => {
      const token = (await run(['keys', 'create', '--name', 'reader', '--role', 'reader', '--quiet'])).stdout.trimEnd();
      const file = join(folder, `${service.engine}-key`);
      await writeFile(file, `${token}\n`);
      const { stdout, stderr } = await run(['whoami'], { WAYMARK_API_KEY_FILE: file });
      expect(stdout).toMatch(
        /^tenant +default\nkind +key\nname +reader\nkey +[a-z2-7]{16}\nrole +reader\nscopes +workflows:read /,
      );
      expect(stderr).toBe('the credential is that of WAYMARK_API_KEY_FILE');
      expect(JSON.parse((await run(['whoami', '--json'])).stdout)).toMatchObject({ kind: 'operator' });
      const none = await run(['whoami'], {});
      expect(none.code).toBe(1);
      expect(none.stderr).toContain('no credential was sent; set WAYMARK_API_KEY');
    });

    it('tenants are created, limited, suspended, served again and erased', async () => {
      const name = `t-${service.id()}`;
      const limits = '{"llm":{"limit":5,"windowMs":60000}}';
      const created = await run(['tenants', 'create', name, '--limits', limits]);
      expect(created).toMatchObject({
        code: 0,
        stdout: '',
        stderr: expect.stringContaining(`keys create --tenant ${name}`),
      });
      expect((await run(['tenants', 'create', name])).stderr).toContain('ALREADY_EXISTS');
      const token = (await run(['keys', 'create', '--tenant', name, '--name', 'own', '--quiet'])).stdout.trimEnd();
      expect(parseToken(token)).toMatchObject({ tenant: name });
      const status = async () => (await service.get(`${WORKFLOWS}/a`, { token })).status;
      expect(await status()).toBe(404);
      expect((await run(['limits', 'list'], { WAYMARK_API_KEY: token })).stdout).toMatch(/\nllm +5 in 1m /);
      expect((await run(['tenants', 'limit', name, '--limits', '{}'])).stderr).toContain('has 0 limits of its own');
      const row = async () => (await run(['tenants', 'list'])).stdout.split('\n').find((line) => line.startsWith(name));
      expect(await row()).toMatch(/ active +0 limits +20/);
      expect((await run(['tenants', 'suspend', name])).stderr).toBe(`tenant ${name} is suspended`);
      await until(async () => (await status()) === 403, 'the tenant is refused');
      expect(JSON.parse((await run(['tenants', 'show', name])).stdout)).toMatchObject({ name, status: 'suspended' });
      expect((await run(['tenants', 'resume', name, '--json'])).stdout).toContain('"status":"active"');
      await until(async () => (await status()) === 404, 'the tenant is served');
      expect((await run(['produce', '--topic', 'q', '--count', '50', '--tenant', name])).code).toBe(0);
      // A key of a tenant is no operator, and not sent for one where there is another.
      const env = { WAYMARK_API_KEY: token };
      expect((await run(['tenants', 'list'], env)).stderr).toContain('403 INSUFFICIENT_SCOPE');
      expect((await run(['tenants', 'list'], { ...env, ADMIN_TOKEN })).code).toBe(0);
      expect(await run(['tenants', 'erase', name, '--yes'])).toMatchObject({
        code: 0,
        stderr: `tenant ${name} is refused from now on, and being removed`,
      });
      await until(async () => (await status()) === 401, 'the tenant is refused');
      expect((await run(['tenants', 'erase', name, '--yes', '--wait'])).stderr).toContain(`tenant ${name} is gone`);
      expect((await run(['tenants', 'erase', name, '--yes'])).stderr).toContain(`there is no tenant ${name}`);
    });

    it('limits are listed, taken, given back and made whole', async () => {
      const { stdout } = await run(['limits', 'list']);
      expect(stdout).toMatch(/^NAME +LIMIT +BURST +PER +MODE +LEFT\n[^]*llm +3 in 1h +3 +tenant +enforce/);
      const take = (...more: string[]) => run(['limits', 'take', 'llm', ...more]);
      expect(await take('--cost', '2')).toMatchObject({ code: 0, stdout: '' });
      expect(JSON.parse((await take('--json')).stdout)).toMatchObject({ allowed: true, remaining: 0 });
      const refused = await take();
      expect([refused.code, refused.stderr]).toEqual([1, expect.stringMatching(/^refused; available in /)]);
      expect(await take('--bucket', 'other')).toMatchObject({ code: 0 });
      expect((await run(['limits', 'give', 'llm'])).stderr).toContain('given back');
      expect((await take()).code).toBe(0);
      expect((await run(['limits', 'reset', 'llm'])).code).toBe(0);
      expect((await take('--cost', '3')).code).toBe(0);
      expect((await run(['limits', 'take', 'nothing'])).stderr).toContain('LIMIT_NOT_FOUND');
    });

    it('the other commands work with a key of the right role only', async () => {
      const keyOf = async (role: string) =>
        (await run(['keys', 'create', '--name', role, '--role', role, '--quiet'])).stdout.trimEnd();
      const [writer, reader] = [await keyOf('writer'), await keyOf('reader')];
      const asWriter = { WAYMARK_API_KEY: writer };
      const produced = await run(['produce', '--topic', 'q', '--payload', '{"n":1}'], asWriter);
      expect([produced.code, JSON.parse(produced.stdout).queue]).toEqual([0, 'q']);
      expect((await run(['inspect', 'queues'], { WAYMARK_API_KEY: reader })).stdout).toContain('q ');
      const refused = await run(['produce', '--topic', 'q'], { WAYMARK_API_KEY: reader });
      expect(refused.code).toBe(1);
      expect(refused.stderr).toContain('403 INSUFFICIENT_SCOPE');
      expect(refused.stderr).toContain('the credential was that of WAYMARK_API_KEY');
      expect((await run(['publish', 'c', '--type', 't'], asWriter)).code).toBe(0);
      expect((await run(['watch', '--since', '0', '--count', '1'], asWriter)).code).toBe(0);
      expect((await run(['smoke'])).stdout).not.toContain('False');
      const worker = waymark.start(service.url, ['worker', '--topic', 'q'], { env: asWriter });
      await until(() => worker.stdout().includes('"payload":{"n":1}'), 'the task is worked on');
      worker.child.kill('SIGTERM');
      expect((await worker.ended).code).toBe(0);
      const exported = (env: Record<string, string>) =>
        startCommand(['export', '--url', service.url], { env: { ENV_FILE: '/nothing', ...env } }).ended;
      expect(await exported(asWriter)).toMatchObject({
        code: 1,
        stderr: expect.stringContaining('403 INSUFFICIENT_SCOPE'),
      });
      expect(await exported({ ADMIN_TOKEN, ...asWriter })).toMatchObject({
        code: 0,
        stdout: expect.stringContaining('"kind":"end"'),
      });
    });

    it('a command of a worker gets the key of the worker, and no secret of an operator', async () => {
      const token = (await run(['keys', 'create', '--name', 'exec', '--quiet'])).stdout.trimEnd();
      const file = join(folder, `${service.engine}-exec`);
      await writeFile(file, token);
      const queue = service.id();
      const env = { WAYMARK_API_KEY_FILE: file, ADMIN_TOKEN };
      const command = `printf '"%s %s"' "$WAYMARK_API_KEY" "$ADMIN_TOKEN"`;
      const worker = waymark.start(service.url, ['worker', '--topic', queue, '--exec', command], { env });
      const { stdout } = await run(['produce', '--topic', queue], env);
      const { id } = JSON.parse(stdout);
      const result = async () => (await service.get(`/v1/tasks/${id}`, { token })).json.result;
      await until(async () => (await result()) === `${token} `, 'the result of the command');
      worker.child.kill('SIGTERM');
      await worker.ended;
    });

    it('a worker goes on with the key that its file has by then', async () => {
      const file = join(folder, `${service.engine}-rotated`);
      const first = (await run(['keys', 'create', '--name', 'rotated', '--quiet'])).stdout;
      await writeFile(file, first);
      const env = { WAYMARK_API_KEY_FILE: file };
      const queue = service.id();
      const worker = waymark.start(service.url, ['worker', '--topic', queue], { env });
      await run(['produce', '--topic', queue, '--payload', '1']);
      await until(() => worker.stdout().includes('"payload":1'), 'the first task');
      const { id } = parseToken(first.trimEnd()) as { id: string };
      await writeFile(file, (await run(['keys', 'rotate', id, '--quiet', '--grace', '5s'])).stdout);
      await until(async () => (await statusOf(first.trimEnd())) === 401, 'the first token is refused');
      await run(['produce', '--topic', queue, '--payload', '2']);
      await until(() => worker.stdout().includes('"payload":2'), 'the second task');
      worker.child.kill('SIGTERM');
      expect((await worker.ended).code).toBe(0);
    });
  },
  { ADMIN_TOKEN, TENANT_DEFAULTS: LIMITS, ACCESS_CACHE_TTL: '5s' },
);

describe('the operator token of an open service', () => {
  let service: ServiceProcess;
  let directory: string;
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'waymark-operator-'));
    service = await startService({ DATA_DIR: join(directory, 'data') });
  });
  afterAll(async () => {
    await service.stop();
    await rm(directory, { recursive: true, force: true });
  });

  it('is read from DATA_DIR by the commands that need it, and by no others', async () => {
    const DATA_DIR = join(directory, 'data');
    const made = await waymark.run(service.url, ['keys', 'create', '--name', 'first', '--quiet'], undefined, {
      DATA_DIR,
    });
    expect([made.code, made.stderr]).toEqual([0, '']);
    const who = (env: Record<string, string>) => waymark.run(service.url, ['whoami'], undefined, env);
    expect((await who({ DATA_DIR })).stderr).toBe(`the credential is that of ${DATA_DIR}/operator-token\n`);
    expect((await who({ WAYMARK_API_KEY: made.stdout.trimEnd(), DATA_DIR })).stdout).toContain('name      first\n');
    expect((await who({})).stdout).toContain('kind      open\n');
    const nobody = await waymark.run(service.url, ['keys', 'create', '--name', 'second']);
    expect([nobody.code, nobody.stdout]).toEqual([1, '']);
    expect(nobody.stderr).toContain('operator-token of DATA_DIR');
    const exported = await startCommand(['export', '--url', service.url], { env: { ENV_FILE: '/nothing', DATA_DIR } })
      .ended;
    expect(exported.stdout).toContain('"kind":"end"');
    // A task that a command adds without a key is that of nobody, not of the operator.
    await waymark.run(service.url, ['produce', '--topic', 'q'], undefined, { DATA_DIR });
    expect(service.log()).not.toContain(readFileSync(join(DATA_DIR, 'operator-token'), 'utf8').trimEnd());
  });
});

describe.each(['README.md', 'docs/access.md'])('the three commands of %s', (page) => {
  it('make a key on a service with keys, and use it', async () => {
    const text = readFileSync(new URL(`../../${page}`, import.meta.url), 'utf8');
    const [, block = ''] = /```console\n\$ ACCESS=keys npm start\n([^]*?)```/.exec(text) ?? [];
    const commands = [...block.matchAll(/^\$ (.+)$/gm)].map(([, command = '']) => command);
    expect(commands).toHaveLength(2);
    const directory = await mkdtemp(join(tmpdir(), 'waymark-three-'));
    const service = await startService({ ACCESS: 'keys', DATA_DIR: directory });
    try {
      const script = commands.join('\n').replaceAll('localhost:3000', new URL(service.url).host);
      const { PATH = '', HOME = '' } = process.env;
      const env = { PATH, HOME, WAYMARK_URL: service.url, DATA_DIR: directory, ENV_FILE: '/nothing' };
      const { stdout } = await promisify(execFile)('bash', ['-c', script], { env, cwd: root });
      expect(JSON.parse(stdout)).toMatchObject({ kind: 'key', name: 'agent-7', role: 'writer', tenant: 'default' });
      // The page that shows the answer shows all of it.
      const shown = [...block.matchAll(/"(\w+)":/g)].map(([, name]) => name);
      if (shown.length > 0) expect(shown).toEqual(Object.keys(JSON.parse(stdout)));
      expect((await fetch(`${service.url}/v1/whoami`)).status).toBe(401);
    } finally {
      await service.stop();
      await rm(directory, { recursive: true, force: true });
    }
  });
});

describe('keys create', () => {
  it('makes another secret for its key when the answer was lost, and no second key', async () => {
    const service = await FakeService.start(({ path, body }, count) => {
      if (count === 1) return 'cut';
      if (path === '/v1/keys') return problem(409, 'ALREADY_EXISTS');
      return {
        status: 200,
        json: {
          id: path.split('/')[3],
          name: 'a',
          scopes: [],
          expiresAt: null,
          oldSecretUntil: null,
          key: `wmk_${JSON.stringify(body)}`,
        },
      };
    });
    const { code, stdout } = await waymark.run(service.url, ['keys', 'create', '--name', 'a', '--quiet']);
    const [first, second, third] = service.asked;
    await service.stop();
    expect([code, stdout]).toEqual([0, 'wmk_{"graceSeconds":0}\n']);
    expect(second?.body.id).toBe(first?.body.id);
    expect(third?.path).toBe(`/v1/keys/${first?.body.id}/rotate`);
  });
});

describe('the client for keys and limits', () => {
  it('reads all pages of keys', async () => {
    const service = await FakeService.start(({ path }) => ({
      status: 200,
      json: path.includes('cursor=next')
        ? { items: [{ id: 'b' }], nextCursor: null }
        : { items: [{ id: 'a' }], nextCursor: 'next' },
    }));
    const ids: string[] = [];
    for await (const { id } of new AccessClient({ url: service.url }).listKeys({ ofOperators: true })) ids.push(id);
    await service.stop();
    expect(ids).toEqual(['a', 'b']);
    expect(service.asked.map(({ path }) => path)).toEqual([
      '/v1/keys?limit=200&role=operator',
      '/v1/keys?limit=200&role=operator&cursor=next',
    ]);
  });
});
