import { describe, expect, it } from '@jest/globals';
import { COMMANDS } from '../../src/cli/commands/commands.js';
import { FakeService, ok, problem } from './fake-service.js';
import { runHere as run } from './run-here.js';

describe('the command line', () => {
  it.each(COMMANDS.map(({ name }) => name))('has help for %s', async (name) => {
    const { code, stdout, stderr } = await run([name, '--help']);
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(new RegExp(`^usage: waymark ${name}[^]*\nexample: waymark ${name}\\b[^]*Exit codes: 0 `));
    const command = COMMANDS.find((one) => one.name === name) as (typeof COMMANDS)[number];
    const { texts = [], flags = [], isWithoutService = false } = command;
    expect(stdout.includes('--url <url>')).toBe(!isWithoutService);
    for (const option of [...texts, ...flags]) expect(stdout).toContain(`--${option}`);
  });

  /** Examples of commands without files, as the shell splits them; what follows the command itself is cut off. */
  const examples = COMMANDS.filter((one) => !one.isWithoutService && !['export', 'import'].includes(one.name))
    .flatMap(({ example, moreExamples = [] }) => [example, ...moreExamples])
    .map((line) => {
      const [own = ''] = line.split(/ (?:&&|>|\|) /);
      return [...own.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? '');
    });

  it('understands its own examples', async () => {
    const service = await FakeService.start(() => problem(403, 'INSUFFICIENT_SCOPE'));
    expect(examples.length).toBeGreaterThan(15);
    for (const args of examples) {
      const own = args.map((arg) => (arg.startsWith('http://') ? service.url : arg));
      const { code } = await run(own, { WAYMARK_URL: service.url });
      expect([own, code]).toEqual([own, own[1] === 'generate' ? 0 : 1]);
    }
    await service.stop();
  });

  it('lists its commands', async () => {
    for (const words of [['--help'], ['help'], ['-h']]) {
      const { code, stdout } = await run(words);
      expect(code).toBe(0);
      for (const { name, summary } of COMMANDS) expect(stdout).toMatch(new RegExp(`  ${name} +${summary}\n`));
    }
  });

  it.each([
    [[], /a command is missing\nusage: waymark <command>/],
    [['wander'], /wander: no such command\nusage: waymark <command>/],
    [['smok'], /smok: no such command; did you mean smoke\?/],
    [['worker', '--topik', 'q'], /Unknown option '--topik'; did you mean --topic\?/],
    [['worker'], /--topic is missing\nusage: waymark worker --topic/],
    [['worker', '--topic', 'q', '--colour', 'red'], /Unknown option '--colour'[^]*\nusage: waymark worker/],
    [['worker', '--topic', 'q', 'more'], /more: not expected here/],
    [['worker', '--topic', 'q', '--concurrency', '51'], /--concurrency 51: must be an integer from 1 to 50/],
    [['worker', '--topic', 'q', '--lease', '10ms'], /--lease 10ms: must be a duration/],
    [['worker', '--topic', ''], /--topic: must not be empty/],
    [['worker', '--topic'], /argument missing\nusage/],
    [['produce', '--topic', 'q', '--count', '0'], /--count 0: must be an integer from 1/],
    [['produce', '--topic', 'q', '--count', '1.5'], /--count 1.5/],
    [['produce', '--topic', 'q', '--priority', '10'], /--priority 10: must be an integer from 0 to 9/],
    [['produce', '--topic', 'q', '--delay', 'soon'], /--delay soon: must be a duration/],
    [['produce', '--topic', 'q', '--payload', '{"a":'], /--payload {"a":: is neither JSON nor a file .*ENOENT/],
    [['produce', '--topic', 'q', '--payload', 'README.md'], /--payload README.md: is a file that is not JSON/],
    [['produce', '--topic', 'q', '--payload', '-'], /--payload stdin: is not JSON/],
    [['produce', '--topic', 'q', '--dedupe-key', 'k', '--count', '2'], /--dedupe-key makes one task/],
    [['inspect'], /must be: inspect queues \[--prefix <text>\], or: inspect queue <name>/],
    [['inspect', 'queue'], /must be: inspect queues/],
    [['inspect', 'queues', 'q'], /must be: inspect queues/],
    [['inspect', 'queues', '--fail-on', 'rain'], /--fail-on rain: must be warn/],
    [['keys'], /must be: keys create, keys list, keys show <id>/],
    [['keys', 'make'], /must be: keys create/],
    [['keys', 'create'], /--name is missing/],
    [['keys', 'create', 'a', '--name', 'a'], /a: not expected here/],
    [['keys', 'show'], /keys show: <id> is missing/],
    [['keys', 'list', '--name', 'a'], /--name: not an option of keys list/],
    [['keys', 'revoke', 'a', '--quiet'], /--quiet: not an option of keys revoke/],
    [['keys', 'create', '--name', 'a', '--role', 'root'], /--role root: must be reader or worker/],
    [['keys', 'create', '--name', 'a', '--role', 'reader', '--scopes', 'routing'], /--role and --scopes: give one/],
    [['keys', 'create', '--name', 'a', '--ttl', 'soon'], /--ttl soon: must be a duration/],
    [['keys', 'create', '--name', 'a', '--limit', '600'], /--limit 600: must be like 600\/1m/],
    [['keys', 'create', '--name', 'a', '--burst', '5'], /--burst needs --limit/],
    [['keys', 'create', '--name', 'a', '--metadata', '{'], /--metadata {: is neither JSON nor a file/],
    [['keys', 'create', '--name', 'a', '--sha256', 'f'.repeat(64)], /--sha256 needs --id/],
    [['keys', 'create', '--name', 'a', '--ips', ','], /--ips: must not be empty/],
    [['keys', 'generate', '--id', 'short'], /--id short: must be 16 characters/],
    [['keys', 'generate', '--tenant', 'A'], /--tenant A: must be 1 to 63 characters/],
    [['tenants', 'create'], /tenants create: <name> is missing/],
    [['tenants', 'erase', 'acme'], /tenants erase acme removes .* for good; add --yes/],
    [['tenants', 'suspend', 'acme', '--yes'], /--yes: not an option of tenants suspend/],
    [['tenants', 'limit', 'acme'], /--limits is missing/],
    [['tenants', 'list', '--tenant', 'acme'], /Unknown option '--tenant'/],
    [['limits', 'take'], /limits take: <name> is missing/],
    [['limits', 'take', 'llm', '--wait', '1h'], /--wait 1h: must be a duration/],
    [['whoami', 'me'], /me: not expected here/],
    [['smoke', 'more'], /more: not expected here/],
    [['smoke', '--url', 'localhost:3000'], /--url localhost:3000: must be like http/],
  ])('refuses %j: exit code 2, and the usage on stderr', async (args, says) => {
    const { code, stdout, stderr } = await run(args);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(says);
    expect(stderr).toContain('usage: waymark');
  });

  it('does not touch the service before the whole command line is right', async () => {
    const service = await FakeService.start(() => ok({}));
    await run(['produce', '--topic', 'q', '--payload', '{', '--url', service.url]);
    await run(['inspect', 'queues', '--interval', '1ms', '--url', service.url]);
    await service.stop();
    expect(service.asked).toEqual([]);
  });

  it('takes the URL from --url, else from WAYMARK_URL', async () => {
    const service = await FakeService.start(() => ok({ items: [], unreadable: [], nextCursor: null }));
    expect((await run(['inspect', 'queues'], { WAYMARK_URL: service.url })).code).toBe(0);
    expect((await run(['inspect', 'queues', '--url', `${service.url}/`], { WAYMARK_URL: 'http://[::1]:1' })).code).toBe(
      0,
    );
    await service.stop();
    expect(service.asked.map(({ path }) => path)).toEqual(['/v1/queues?limit=500', '/v1/queues?limit=500']);
  });

  it('sends the key of the environment and the tenant, and takes neither a key nor a token as an option', async () => {
    const service = await FakeService.start(() => ok({ items: [], unreadable: [], nextCursor: null }));
    const env = { WAYMARK_URL: service.url, WAYMARK_API_KEY: 'wmk_acme_x' };
    expect((await run(['inspect', 'queues', '--tenant', 'acme'], env)).code).toBe(0);
    expect((await run(['inspect', 'queues'], { WAYMARK_URL: service.url })).code).toBe(0);
    await service.stop();
    expect(service.asked.map(({ headers }) => [headers.authorization, headers['waymark-tenant']])).toEqual([
      ['Bearer wmk_acme_x', 'acme'],
      [undefined, undefined],
    ]);
    for (const { name, texts = [] } of COMMANDS)
      expect([name, texts.filter((option) => /key$|token|secret|password/.test(option))]).toEqual([
        name,
        name === 'produce' ? ['dedupe-key'] : [],
      ]);
  });

  it('says which credential was refused, and never shows it', async () => {
    const service = await FakeService.start(() => problem(401, 'INVALID_CREDENTIAL'));
    const env = { WAYMARK_URL: service.url };
    const key = 'wmk_acme_secret';
    const refused = await run(['inspect', 'queues'], { ...env, WAYMARK_API_KEY: key });
    expect([refused.code, refused.stderr]).toEqual([
      1,
      'waymark: 401 INVALID_CREDENTIAL: about INVALID_CREDENTIAL\nwaymark: the credential was that of WAYMARK_API_KEY',
    ]);
    expect((await run(['publish', 'c', '--type', 't'], env)).stderr).toContain(
      'no credential was sent; set WAYMARK_API_KEY',
    );
    const broken = await run(['inspect', 'queues'], { ...env, WAYMARK_API_KEY: `${key}\n${key}` });
    expect(broken.code).toBe(2);
    expect(broken.stderr).toContain('WAYMARK_API_KEY has spaces, line breaks');
    expect(broken.stderr).not.toContain(key);
    await service.stop();
  });

  it('ends with 1 and the problem when the service refuses', async () => {
    const errors = [{ pointer: '/workflowId', message: 'must be the id of a workflow' }];
    const service = await FakeService.start(() => problem(422, 'INVALID_BODY', { errors }));
    const { code, stdout, stderr } = await run(['produce', '--topic', 'q', '--workflow', 'a b', '--url', service.url]);
    await service.stop();
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toContain('422 INVALID_BODY: about INVALID_BODY (/workflowId must be the id of a workflow)');
  });

  it.each([
    ['smoke', ['smoke']],
    ['produce', ['produce', '--topic', 'q']],
    ['inspect', ['inspect', 'queue', 'q']],
    ['worker', ['worker', '--topic', 'q']],
  ])('ends with 3 when no service answers: %s', async (_, args) => {
    const service = await FakeService.start(() => ok({}));
    const { url } = service;
    await service.stop();
    const { code, stderr, stdout } = await run([...args, '--url', url]);
    expect(code).toBe(3);
    expect(stdout + stderr).toContain(`Cannot reach ${url}`);
  });

  it('reports each check of the smoke test as not tried when no service answers', async () => {
    const { stdout } = await run(['smoke', '--url', 'http://127.0.0.1:9']);
    expect(stdout).toMatch(
      /^PING: False .+\nWRITE: False not tried\nCAS: False not tried\nTTL: .*\nQUEUE: False not tried\n$/,
    );
  });

  it('sends many tasks in batches that the service takes', async () => {
    const made = (count: number) => Array.from({ length: count }, (_, i) => ({ id: `t-${i}` }));
    const service = await FakeService.start(({ body }) =>
      ok(body.tasks ? { tasks: made(body.tasks.length) } : { id: 'a' }),
    );
    const many = await run(['produce', '--topic', 'q', '--count', '201', '--url', service.url]);
    expect(many.stdout.split('\n')).toHaveLength(202);
    expect(service.asked.map(({ body }) => body.tasks?.length ?? 1)).toEqual([100, 100, 1]);
    const large = JSON.stringify('x'.repeat(300_000));
    await run(['produce', '--topic', 'q', '--count', '4', '--payload', '-', '--url', service.url], {}, large);
    expect(service.asked.slice(3).map(({ body }) => body.tasks?.length)).toEqual([3, undefined]);
    await service.stop();
  });

  const QUEUE = {
    name: 'q',
    paused: false,
    depth: { ready: 0, delayed: 0, leased: 0, dead: 0 },
    bytes: 0,
    deadBytes: 0,
    oldestReadyAgeMs: null,
    nextDueInMs: null,
    pollers: 1,
    rates: { enqueuedPerMinute: 0, completedPerMinute: 0 },
    totals: { enqueued: 0, claimed: 0, completed: 0, retried: 0, died: 0, cancelled: 0 },
    lastEventId: null,
    workers: [],
  };
  const depth = (some: object) => ({ depth: { ...QUEUE.depth, ...some } });

  it.each([
    ['all is well', {}, ''],
    ['tasks are taken', { ...depth({ ready: 3 }), oldestReadyAgeMs: 60_000 }, ''],
    ['all hands are full', { ...depth({ ready: 3, leased: 1 }), pollers: 0 }, ''],
    ['dead', depth({ dead: 2 }), 'warning: q: 2 dead'],
    ['nobody asks', { ...depth({ ready: 1 }), pollers: 0 }, 'warning: q: tasks are ready and no worker polls'],
    ['paused', { ...depth({ delayed: 1 }), paused: true }, 'warning: q: paused, with tasks waiting'],
    [
      'old',
      { ...depth({ ready: 1 }), oldestReadyAgeMs: 400_000 },
      'warning: q: the oldest task has been ready for 6.6m',
    ],
  ])('warns of queues that are not well, and only of those: %s', async (_, differs, warning) => {
    const queue = { ...QUEUE, ...differs };
    const service = await FakeService.start(() => ok(queue));
    const plain = await run(['inspect', 'queue', 'q', '--json', '--url', service.url]);
    const strict = await run(['inspect', 'queue', 'q', '--json', '--fail-on', 'warn', '--url', service.url]);
    await service.stop();
    expect([plain.code, plain.stderr]).toEqual([0, warning]);
    expect([strict.code, strict.stderr]).toEqual([warning === '' ? 0 : 1, warning]);
    expect(JSON.parse(plain.stdout)).toEqual(queue);
  });

  it('watches until there is a warning, and waits for a service that is away meanwhile', async () => {
    const replies = [ok(QUEUE), problem(503, 'STORE_UNAVAILABLE'), ok({ ...QUEUE, ...depth({ dead: 1 }) })];
    const service = await FakeService.start((_, count) => replies[count - 1] ?? 'cut');
    const args = ['inspect', 'queue', 'q', '--watch', '--interval', '100ms', '--fail-on', 'warn', '--url', service.url];
    const { code, stdout, stderr } = await run(args);
    await service.stop();
    expect(code).toBe(1);
    expect(stdout.match(/^dead +\d+$/gm)).toHaveLength(2);
    expect(stderr).toMatch(/STORE_UNAVAILABLE[^]*warning: q: 1 dead/);
  });
});
