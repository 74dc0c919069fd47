import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { parse } from 'yaml';
import { environmentExample, settingsTable } from '../../src/config/describe-settings.js';
import { readConfig } from '../../src/config/read-config.js';
import { SETTINGS, type Setting } from '../../src/config/settings.js';

const read = (file: string) => readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8');
const names = (SETTINGS as readonly Setting[]).flatMap(({ name, aliases = [] }) => [name, ...aliases]);
/** Not ours: the runtime's own. */
const OTHERS = ['NODE_ENV', 'REDISCLI_AUTH'];

describe('what operators read', () => {
  it('has every setting in the README, by all its names', () => {
    // The formatter pads tables, so white space does not count.
    const plain = (text: string) => text.replace(/-{3,}/g, '---').replace(/\s+/g, ' ');
    expect(plain(read('README.md'))).toContain(plain(settingsTable()));
    for (const name of names) expect(settingsTable()).toContain(`\`${name}\``);
  });

  it('has every setting in .env.production.example, which can be used as it is', () => {
    expect(read('.env.production.example')).toBe(environmentExample());
    const lines = read('.env.production.example').split('\n');
    const env = Object.fromEntries(lines.filter((line) => /^[A-Z]/.test(line)).map((line) => line.split('=', 2)));
    expect(readConfig(env).storage).toBe('redis');
  });
});

describe('containers', () => {
  interface Compose {
    services: Record<
      string,
      { environment?: Record<string, string>; ports?: string[]; command?: string[]; profiles?: string[] }
    >;
  }
  const compose = parse(read('docker-compose.yml')) as Compose;

  it('are given only settings that exist', () => {
    const given = Object.keys(compose.services['api']?.environment ?? {});
    const inherited = [...read('docker-compose.yml').matchAll(/\$\{([A-Z_]+)/g)].map(([, name]) => name);
    const baked = [...read('Dockerfile').matchAll(/\b([A-Z_]{3,})=/g)].map(([, name]) => name);
    for (const name of [...given, ...inherited, ...baked]) expect([...names, ...OTHERS]).toContain(name);
  });

  it('make a configuration that starts', () => {
    const env = {
      ...compose.services['api']?.environment,
      REDIS_PASSWORD: 'p@ss',
      REDIS_NAMESPACE: '',
      WORKFLOW_STATE_TTL: '86400',
      LOG_LEVEL: 'info',
    };
    expect(readConfig(env).redis).toMatchObject({ host: 'redis', password: 'p@ss' });
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
});
