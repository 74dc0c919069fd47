import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { parse } from 'yaml';
import { startRefusal } from '../../src/access/web/start-rules.js';
import { environmentExample, settingsPage } from '../../src/config/describe-settings.js';
import { readConfig } from '../../src/config/read-config.js';
import { SETTINGS } from '../../src/config/environment.js';
import { freePort } from '../support/redis-process.js';

const read = (file: string) => readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8');
const names = SETTINGS.flatMap(({ name, aliases = [] }) => [name, ...aliases]);
/** Variables of the runtime, not of the service. */
const OTHERS = ['NODE_ENV', 'NODE_TLS_REJECT_UNAUTHORIZED', 'REDISCLI_AUTH'];

describe('what operators read', () => {
  it('has every setting in docs/settings.md, by all its names', () => {
    expect(read('docs/settings.md')).toBe(settingsPage());
    for (const name of names) expect(settingsPage()).toContain(`\`${name}\``);
  });

  it('has ten settings in the README, with their defaults', () => {
    const [, table = ''] = /\n## Settings\n([^]*?)\n## /.exec(read('README.md')) ?? [];
    const codesIn = (cell = '') => [...cell.matchAll(/`([^`]*)`/g)].map(([, code = '']) => code);
    const rows = [...table.matchAll(/^\| (`.*?) \| (.*?) \|/gm)].flatMap(([, named, defaults]) =>
      codesIn(named).map((name, i) => ({ name, begins: codesIn(defaults)[i]?.replace('…', '') ?? '' })),
    );
    expect(rows).toHaveLength(10);
    for (const { name, begins } of rows) {
      const [, entry] = settingsPage().split(`\n- **\`${name}\`**`);
      expect(entry?.split('\n- **')[0]?.split('Default:')[1] ?? '').toContain(begins);
    }
  });

  it('has every setting in .env.production.example, which needs nothing but a token', () => {
    expect(read('.env.production.example')).toBe(environmentExample());
    const lines = read('.env.production.example').split('\n');
    const env = Object.fromEntries(lines.filter((line) => /^[A-Z]/.test(line)).map((line) => line.split('=', 2)));
    expect(startRefusal(readConfig(env))).toContain('ADMIN_TOKEN');
    const config = readConfig({ ...env, ADMIN_TOKEN: 'x'.repeat(64) });
    expect([config.storage, startRefusal(config)]).toEqual(['redis', undefined]);
  });
});

describe('containers', () => {
  interface Compose {
    services: Record<string, ComposeService>;
  }
  interface ComposeService {
    environment?: Record<string, string>;
    env_file?: { path: string }[];
    ports?: string[];
    command?: string[];
    profiles?: string[];
    user?: string;
    cap_add?: string[];
    cap_drop?: string[];
  }
  const compose = parse(read('docker-compose.yml')) as Compose;

  it('are given only settings that exist', () => {
    const given = Object.keys(compose.services['api']?.environment ?? {});
    const inherited = [...read('docker-compose.yml').matchAll(/\$\{([A-Z_]+)/g)].map(([, name]) => name);
    const baked = [...read('Dockerfile').matchAll(/\b([A-Z_]{3,})=/g)].map(([, name]) => name);
    for (const name of [...given, ...inherited, ...baked]) expect([...names, ...OTHERS]).toContain(name);
  });

  it('make a configuration that starts', () => {
    const given = compose.services['api']?.environment as Record<string, string>;
    expect(given['ADMIN_TOKEN']).toMatch(/^\$\{ADMIN_TOKEN:\?.*openssl rand -hex 32/);
    const config = readConfig({ ...given, ADMIN_TOKEN: 'x'.repeat(64), REDIS_PASSWORD: 'p@ss' });
    expect(config.redis).toMatchObject({ host: 'redis', password: 'p@ss' });
    expect([config.access.isOpen, startRefusal(config)]).toEqual([false, undefined]);
  });

  it('take every setting from .env', () => {
    expect(compose.services['api']?.env_file).toEqual([{ path: '.env', required: false }]);
  });

  it('publish ports on loopback only, and let the API be scaled', () => {
    for (const { ports = [] } of Object.values(compose.services))
      for (const port of ports) expect(port).toMatch(/^127\.0\.0\.1:/);
    expect(compose.services['api']?.ports).toEqual([expect.stringMatching(/:\d+-\d+:3000$/)]);
    expect(compose.services['api']).not.toHaveProperty('container_name');
  });

  it('run a Redis that keeps what it is given', () => {
    const command = compose.services['redis']?.command?.join(' ');
    expect(command).toContain('--appendonly yes');
    expect(command).toContain('--maxmemory-policy noeviction');
    expect(compose.services['redis-insight']?.profiles).toEqual(['development']);
  });

  it('start Redis as a user without capabilities, behind its password', async () => {
    const { user, cap_add, cap_drop, command = [] } = compose.services['redis'] ?? {};
    expect({ user, cap_add, cap_drop }).toEqual({ user: 'redis', cap_add: undefined, cap_drop: ['ALL'] });
    const [shell = '', flag = '', line = ''] = command;
    const port = await freePort();
    const program = process.env['REDIS_SERVER_BIN'] ?? 'redis-server';
    const script = `${line.replaceAll('$$', '$').replace('redis-server', program)} --port ${port} --bind 127.0.0.1`;
    const directory = mkdtempSync(join(tmpdir(), 'waymark-compose-'));
    // Root becomes another user, as in the container, and loses all capabilities with that.
    const nobody = process.getuid?.() === 0 ? { uid: 65534, gid: 65534 } : {};
    if (nobody.uid !== undefined) chownSync(directory, nobody.uid, nobody.gid);
    const password = 'p@ss "word"';
    const env = { ...process.env, REDIS_PASSWORD: password };
    const child = spawn(shell, [flag, script], { cwd: directory, env, stdio: 'ignore', ...nobody });
    const ended = once(child, 'exit');
    const redis = new Redis({ port, password, retryStrategy: () => 50, maxRetriesPerRequest: null });
    redis.on('error', () => undefined);
    try {
      const written = redis.set('a', '1').then(() => redis.config('GET', 'appendonly'));
      expect(await Promise.race([written, ended])).toEqual(['appendonly', 'yes']);
      const stranger = new Redis({ port, lazyConnect: true });
      stranger.on('error', () => undefined);
      await expect(stranger.get('a')).rejects.toThrow('NOAUTH');
      stranger.disconnect();
    } finally {
      redis.disconnect();
      child.kill('SIGKILL');
      await ended;
      rmSync(directory, { recursive: true, force: true });
    }
  });
});
