import { randomBytes } from 'node:crypto';
import { ProblemError, type Key, type KeyLimit, type MadeKey, type NewKey } from '../../client/index.js';
import { durationMs } from '../../config/units.js';
import { EXIT, type ExitCode, type Terminal } from '../command-line/command.js';
import { connectAccess } from '../command-line/connect.js';
import { UsageError, type Given } from '../command-line/given.js';
import { readJson } from '../command-line/payload.js';
import { table } from '../command-line/table.js';
import { withVerbs, type Verb } from '../command-line/verbs.js';

const ROLES = ['reader', 'worker', 'writer', 'admin', 'operator'] as const;
const SECOND_MS = 1000;
const MAX_TTL_MS = 3_153_600_000 * SECOND_MS;
const MAX_GRACE_MS = 365 * 86_400 * SECOND_MS;
const ID_BYTES = 10;
const BASE_32 = 'abcdefghijklmnopqrstuvwxyz234567';

const create: Verb = {
  name: 'create',
  summary: 'make a key; its token is printed, once',
  texts: ['name', 'role', 'scopes', 'user', 'ttl', 'ips', 'limit', 'burst', 'metadata', 'id', 'sha256'],
  flags: ['quiet', 'json'],

  async run(given, terminal) {
    const key = await newKeyOf(given, terminal);
    let isRepeated = false;
    const client = connectAccess(given, terminal, () => (isRepeated = true));
    // The answer to the first attempt was lost, so the key exists and its secret is unknown. Make another secret for it.
    const again = async (error: unknown) => {
      const isOwn = error instanceof ProblemError && error.code === 'ALREADY_EXISTS' && isRepeated && !given.text('id');
      if (!isOwn) throw error;
      return client.rotateKey(key.id, { graceSeconds: 0 });
    };
    return showMade(await client.createKey(key).catch(again), given, terminal);
  },
};

const list: Verb = {
  name: 'list',
  summary: 'the keys of the tenant; --role operator: those of operators',
  texts: ['role'],
  flags: ['json'],

  async run(given, terminal) {
    const { output } = terminal;
    const ofOperators = given.oneOf('role', ['operator']) !== undefined;
    const keys: Key[] = [];
    for await (const key of connectAccess(given, terminal).listKeys({ ofOperators })) {
      if (given.flag('json')) await output.line(JSON.stringify(key));
      keys.push(key);
    }
    if (!given.flag('json')) await output.line(keysTable(keys));
    return EXIT.ok;
  },
};

const show: Verb = {
  name: 'show',
  summary: 'one key, as JSON',
  word: 'id',
  flags: ['json'],

  async run(given, terminal, id) {
    const key = await connectAccess(given, terminal).getKey(id);
    await terminal.output.line(given.flag('json') ? JSON.stringify(key) : JSON.stringify(key, undefined, 2));
    return EXIT.ok;
  },
};

const rotate: Verb = {
  name: 'rotate',
  summary: 'make a new secret for a key and print its token, once',
  word: 'id',
  texts: ['grace', 'sha256'],
  flags: ['quiet', 'json'],

  async run(given, terminal, id) {
    const graceMs = given.duration('grace', { min: 0, max: MAX_GRACE_MS });
    const sha256 = given.text('sha256');
    const made = await connectAccess(given, terminal).rotateKey(id, {
      ...(graceMs !== undefined && { graceSeconds: Math.ceil(graceMs / SECOND_MS) }),
      ...(sha256 !== undefined && { sha256 }),
    });
    return showMade(made, given, terminal);
  },
};

const revoke: Verb = {
  name: 'revoke',
  summary: 'refuse a key from now on; it stays listed for 30 days',
  word: 'id',
  flags: ['json'],

  async run(given, terminal, id) {
    const key = await connectAccess(given, terminal).revokeKey(id);
    if (given.flag('json')) await terminal.output.line(JSON.stringify(key));
    terminal.note(`${key.id} (${key.name}) is revoked since ${key.revokedAt}`);
    return EXIT.ok;
  },
};

const remove: Verb = {
  name: 'delete',
  summary: 'remove a key with its history; it is refused from now on',
  word: 'id',

  async run(given, terminal, id) {
    await connectAccess(given, terminal).deleteKey(id);
    terminal.note(`${id} is gone`);
    return EXIT.ok;
  },
};

const generate: Verb = {
  name: 'generate',
  summary: 'make a token offline; register its digest with create --sha256',
  texts: ['role', 'id'],
  flags: ['quiet', 'json'],

  async run(given, { output, note }) {
    const { digestOf, KEY_ID, newToken, TENANT, TENANT_RULE } = await import('../../access/token.js');
    const [id, tenant] = [given.text('id') ?? newId(), given.text('tenant') ?? 'default'];
    if (!KEY_ID.test(id)) throw new UsageError(`--id ${id}: must be 16 characters of a-z and 2-7`);
    if (!TENANT.test(tenant)) throw new UsageError(`--tenant ${tenant}: ${TENANT_RULE}`);
    const isOperator = given.oneOf('role', ['operator']) !== undefined;
    const key = newToken(isOperator ? { kind: 'operator', id } : { kind: 'key', tenant, id });
    const sha256 = digestOf(key).toString('hex');
    if (given.flag('json')) {
      await output.line(JSON.stringify({ id, tenant: isOperator ? null : tenant, sha256, key }));
      return EXIT.ok;
    }
    await output.line(key);
    if (given.flag('quiet')) return EXIT.ok;
    const whose = isOperator ? '--role operator' : `--tenant ${tenant}`;
    note(`nobody knows it yet; register it with`);
    note(`  waymark keys create ${whose} --name <name> --id ${id} --sha256 ${sha256}`);
    return EXIT.ok;
  },
};

export const keysCommand = withVerbs({
  name: 'keys',
  summary: 'Make, list, rotate and revoke keys',
  use: 'manage',
  help: `  create:
  --name <name>          author in the history of what the key does
  --role <role>          reader, worker, writer (default), admin or operator; docs/access.md says what each may do
  --scopes <list>        single scopes instead of a role: workflows:read,events:read
  --user <user>          person for whom the key acts; the limit of users applies to it
  --ttl <duration>       time until the key expires, such as 90d; default: never
  --ips <list>           addresses and ranges from which it is accepted: 10.0.0.0/8,2001:db8::/32
  --limit <n>/<duration> requests that the key may make, such as 600/1m; --burst <n>: how many of them at once
  --metadata <json>      anything, at most 4096 characters: JSON, the name of a file with it, or - for stdin
  --id <id>              16 characters of a-z and 2-7, to repeat the command safely
  --sha256 <hex>         digest of a token that keys generate made; then no token is printed. Needs --id

  rotate:
  --grace <duration>     how long the old secret is still accepted; default: 24h; 0s: not at all

  --quiet                only the token on stdout, nothing on stderr
  --json                 the whole answer on stdout, as JSON`,
  example: 'keys create --name writer-service --role worker',
  moreExamples: [
    'keys create --tenant acme --name reports --scopes workflows:read,events:read --ttl 90d --quiet > key',
    'keys list --json',
    'keys rotate k7mqzr2x4w5yd3ha --grace 24h',
    'keys revoke k7mqzr2x4w5yd3ha',
    'keys generate --tenant acme',
  ],
  verbs: [create, list, show, rotate, revoke, remove, generate],
});

/** The token goes to stdout and nowhere else, so that it can be piped into a secret store. */
async function showMade(made: MadeKey, given: Given, { output, note }: Terminal): Promise<ExitCode> {
  if (given.flag('json')) {
    await output.line(JSON.stringify(made));
    return EXIT.ok;
  }
  if (made.key !== undefined) await output.line(made.key);
  if (given.flag('quiet')) return EXIT.ok;
  const { id, tenant, name, role, scopes, expiresAt, oldSecretUntil } = made;
  note(`${id} (${name}) of ${tenant === null ? 'an operator' : `tenant ${tenant}`}: ${role ?? scopes.join(', ')}`);
  note(expiresAt === null ? 'it does not expire' : `it expires at ${expiresAt}`);
  if (oldSecretUntil !== null) note(`the old secret is accepted until ${oldSecretUntil}`);
  if (made.key !== undefined)
    note('the token above is shown this once; send it as Authorization: Bearer, or set WAYMARK_API_KEY');
  return EXIT.ok;
}

async function newKeyOf(given: Given, terminal: Terminal): Promise<NewKey & { readonly id: string }> {
  const ttlMs = given.duration('ttl', { min: SECOND_MS, max: MAX_TTL_MS });
  const metadata = given.text('metadata');
  const [role, scopes, sha256] = [given.oneOf('role', ROLES), given.list('scopes'), given.text('sha256')];
  if (role !== undefined && scopes !== undefined) throw new UsageError('--role and --scopes: give one of them');
  if (sha256 !== undefined && given.text('id') === undefined) throw new UsageError('--sha256 needs --id');
  return {
    name: given.textRequired('name'),
    role,
    scopes,
    user: given.text('user'),
    ttlSeconds: ttlMs === undefined ? undefined : Math.ceil(ttlMs / SECOND_MS),
    ips: given.list('ips'),
    limit: limitOf(given),
    metadata: metadata === undefined ? undefined : await readJson('metadata', metadata, terminal),
    id: given.text('id') ?? newId(),
    sha256,
  };
}

/** @throws UsageError */
function limitOf(given: Given): KeyLimit | undefined {
  const text = given.text('limit');
  const burst = given.integer('burst', { min: 1, max: 1_000_000 });
  if (text === undefined) {
    if (burst !== undefined) throw new UsageError('--burst needs --limit');
    return undefined;
  }
  const [, limit, window = ''] = /^(\d{1,7})\/(.+)$/.exec(text) ?? [];
  const windowMs = durationMs(window);
  if (limit === undefined || Number.isNaN(windowMs)) throw new UsageError(`--limit ${text}: must be like 600/1m`);
  return { limit: Number(limit), windowMs, burst };
}

/** Drawn here, so that a request whose answer was lost is recognised. */
function newId(): string {
  const bits = BigInt(`0x${randomBytes(ID_BYTES).toString('hex')}`);
  return Array.from({ length: 16 }, (_, i) => BASE_32[Number((bits >> BigInt(5 * i)) & 31n)]).join('');
}

function keysTable(keys: readonly Key[]): string {
  const head = ['ID', 'NAME', 'ROLE', 'BEGINS', 'STATUS', 'LAST USED'];
  const rows = keys.map(({ id, name, role, start, lastUsedAt, ...key }) => [
    id,
    name,
    role ?? 'scopes',
    `${start}…`,
    statusOf(key),
    lastUsedAt ?? 'never',
  ]);
  return table([head, ...rows]);
}

function statusOf({ revokedAt, expiresAt }: Pick<Key, 'revokedAt' | 'expiresAt'>): string {
  if (revokedAt !== null) return `revoked ${revokedAt}`;
  if (expiresAt === null) return 'active';
  return Date.parse(expiresAt) <= Date.now() ? `expired ${expiresAt}` : `until ${expiresAt}`;
}
