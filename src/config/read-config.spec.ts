import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { readConfig } from './read-config.js';

const problems = (env: NodeJS.ProcessEnv): string => {
  try {
    readConfig(env);
  } catch (error) {
    return (error as Error).message;
  }
  return '';
};

describe('the configuration', () => {
  it('is complete with nothing given: embedded, in memory, on loopback', () => {
    expect(readConfig({}, false)).toMatchObject({
      host: '127.0.0.1',
      port: 3000,
      storage: 'memory',
      redis: undefined,
      dataDir: undefined,
      workflowTtlMs: 86_400_000,
      workflowIndex: ['/status', '/document_type', '/user_id', '/case_id'],
      historyLimit: 50,
      historyMaxBytes: 1_048_576,
      maxStateBytes: 1_048_576,
      logFormat: 'json',
    });
  });

  it('names everything that is wrong at once, with value and what is allowed', () => {
    const message = problems({ PORT: '70000', WORKFLOW_STATE_TTL: 'soon', LOG_LEVEL: 'loud', MAX_STATE_BYTES: '-1' });
    expect(message).toContain('PORT="70000": must be an integer from 0 to 65535');
    expect(message).toContain('WORKFLOW_STATE_TTL="soon": must be a duration');
    expect(message).toContain('LOG_LEVEL="loud": must be fatal, error');
    expect(message).toContain('MAX_STATE_BYTES="-1"');
  });

  it.each([
    ['USE_REDIS', 'REDIS_ENABLE', 'true'],
    ['REDIS_URL', 'UPSTASH_REDIS_URL', 'redis://example:6380'],
    ['REDIS_MAX_CONNECTIONS', 'REDIS_MAX_POOL_SIZE', '7'],
    ['REDIS_SOCKET_CONNECT_TIMEOUT', 'REDIS_CONNECTION_TIMEOUT', '7s'],
  ])('knows %s by its older name %s', (name, alias, value) => {
    const base = { REDIS_HOST: undefined, USE_REDIS: name === 'USE_REDIS' ? undefined : 'true' };
    expect(readConfig({ ...base, [alias]: value })).toEqual(readConfig({ ...base, [name]: value }));
    expect(readConfig({ ...base, [alias]: value, [name]: value })).toEqual(readConfig({ ...base, [name]: value }));
  });

  it('speaks of a setting by the name that was given', () => {
    expect(problems({ REDIS_ENABLE: 'maybe' })).toContain('REDIS_ENABLE="maybe": must be true or false');
  });

  it('takes a time to live, or none', () => {
    const ttl = (value: string) => readConfig({ WORKFLOW_STATE_TTL: value }).workflowTtlMs;
    expect([readConfig({}).workflowTtlMs, ttl('90m'), ttl('Never')]).toEqual([86_400_000, 5_400_000, null]);
    expect(problems({ WORKFLOW_STATE_TTL: 'ever' })).toContain('or never');
  });

  it('takes tokens of an issuer, for an audience that must be given', () => {
    const env = { JWT_ISSUER: 'https://id.example.com/', JWT_AUDIENCE: 'waymark, other' };
    expect(readConfig({}).jwt).toBeUndefined();
    expect([readConfig({}).access.isOpen, readConfig(env).access.isOpen]).toEqual([true, false]);
    expect(readConfig(env).jwt).toEqual({
      issuer: 'https://id.example.com/',
      audiences: ['waymark', 'other'],
      jwksUrl: undefined,
      tenantClaim: 'org_id',
    });
    expect(problems({ JWT_ISSUER: env.JWT_ISSUER })).toContain('JWT_AUDIENCE: is required with JWT_ISSUER');
    expect(problems({ JWT_AUDIENCE: 'waymark' })).toContain('JWT_AUDIENCE="waymark": needs JWT_ISSUER');
    expect(problems({ ...env, JWT_ISSUER: 'id.example.com' })).toContain('must be an https:// or http:// URL');
    expect(problems({ ...env, JWT_TENANT_CLAIM: '/~' })).toContain('JSON Pointer such as /o/slg');
  });

  it('accepts enumerations and flags in any case', () => {
    const env = { LOG_FORMAT: 'Pretty', LOG_LEVEL: 'DEBUG', USE_REDIS: 'TRUE', REDIS_FALLBACK: 'None' };
    const { logFormat, logLevel, redis } = readConfig(env, false);
    expect({ logFormat, logLevel, fallback: redis?.fallback }).toEqual({
      logFormat: 'pretty',
      logLevel: 'debug',
      fallback: 'none',
    });
  });

  it('refuses a name and its older name that disagree', () => {
    expect(problems({ REDIS_MAX_CONNECTIONS: '3', REDIS_MAX_POOL_SIZE: '4' })).toMatch(
      /REDIS_MAX_POOL_SIZE="4": disagrees with REDIS_MAX_CONNECTIONS/,
    );
  });

  it.each(['5', '5s', '5000ms'])('takes %s for five seconds', (text) => {
    expect(readConfig({ USE_REDIS: 'true', REDIS_SOCKET_CONNECT_TIMEOUT: text }).redis?.connectTimeoutMs).toBe(5000);
  });

  it('means Redis when a URL or a host is given and nothing else is said', () => {
    expect(readConfig({ REDIS_URL: 'redis://r:1' }).storage).toBe('redis');
    expect(readConfig({ REDIS_HOST: 'r' }).storage).toBe('redis');
    expect(readConfig({ REDIS_URL: 'redis://r:1', USE_REDIS: 'false' }).storage).toBe('memory');
    expect(readConfig({ USE_REDIS: 'true' }).redis).toMatchObject({ host: 'localhost', port: 6379 });
  });

  it('takes a URL apart', () => {
    expect(readConfig({ REDIS_URL: 'rediss://user:p%40ss%2Fword@example:6390/3' }).redis).toMatchObject({
      host: 'example',
      port: 6390,
      username: 'user',
      password: 'p@ss/word',
      db: 3,
      tls: { ca: undefined, rejectUnauthorized: true, servername: undefined },
    });
  });

  it.each(['redis://:p@ss@host:6379', 'redis://:a/b@host', 'redis://:a#b@host', 'http://host', 'host:6379'])(
    'says of %s how a password must be written, and does not show it',
    (url) => {
      const message = problems({ REDIS_URL: url });
      expect(message).toContain('URL-encoded');
      expect(message).not.toMatch(/p@ss|a\/b|a#b/);
    },
  );

  it('refuses a password beside a URL with another one, and shows neither', () => {
    const message = problems({ REDIS_URL: 'redis://:first-secret@host', REDIS_PASSWORD: 'second-secret' });
    expect(message).toContain('REDIS_PASSWORD=***: disagrees with REDIS_URL');
    expect(message).not.toMatch(/first-secret|second-secret/);
  });

  it('reads a secret from a file', () => {
    const folder = mkdtempSync(join(tmpdir(), 'waymark-config-'));
    try {
      writeFileSync(join(folder, 'password'), 'from a file\n');
      const env = { REDIS_HOST: 'r', REDIS_PASSWORD_FILE: join(folder, 'password') };
      expect(readConfig(env).redis?.password).toBe('from a file');
      expect(problems({ REDIS_HOST: 'r', REDIS_PASSWORD_FILE: join(folder, 'nothing') })).toContain('cannot be read');
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('falls back to memory unless it is told not to', () => {
    expect(readConfig({ USE_REDIS: 'true' }).redis?.fallback).toBe('memory');
    expect(readConfig({ USE_REDIS: 'true', REDIS_FALLBACK: 'none' }).redis?.fallback).toBe('none');
    expect(problems({ USE_REDIS: 'true', REDIS_FALLBACK: 'disk' })).toMatch(/REDIS_FALLBACK="disk": must be memory/);
  });

  it.each(['status', '/a,/b/a', '/limit', '/x/__proto__', '/a b', '/'])('refuses %j as an index', (pointers) => {
    expect(problems({ WORKFLOW_INDEX: pointers })).toContain('WORKFLOW_INDEX');
  });

  it('takes an empty value as not given, but for DATA_DIR, where it says: in memory', () => {
    expect(readConfig({ PORT: '', REDIS_HOST: '', DATA_DIR: '' })).toMatchObject({
      port: 3000,
      storage: 'memory',
      dataDir: undefined,
    });
  });
});
