import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { InvalidEnvironmentError } from './invalid-environment.error.js';
import { readConfig } from './read-config.js';

const redis = (env: Record<string, string>) => readConfig(env, false).redis;

function problems(env: Record<string, string>): string[] {
  try {
    readConfig(env, false);
  } catch (error) {
    if (error instanceof InvalidEnvironmentError) return error.problems.map(({ name, says }) => `${name} ${says}`);
    throw error;
  }
  return [];
}

const PEM = '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n';
const REST = { UPSTASH_REDIS_REST_URL: 'https://eu1.example', UPSTASH_REDIS_REST_TOKEN: 'secret' };

describe('which Redis', () => {
  it('is one server, by its URL or its host', () => {
    expect(redis({ REDIS_URL: 'redis://a:1' })).toMatchObject({ host: 'a', port: 1, tls: false });
    expect(redis({ REDIS_HOST: 'b', REDIS_USERNAME: 'u', REDIS_TLS: 'true' })).toMatchObject({
      host: 'b',
      port: 6379,
      username: 'u',
      tls: { rejectUnauthorized: true },
    });
    expect(redis({ REDIS_URL: 'redis://a:1' })?.topology).toBeUndefined();
  });

  it('is a group with sentinels', () => {
    const env = { REDIS_SENTINELS: 'a:26379, [::1]:26380', REDIS_SENTINEL_MASTER: 'm', REDIS_SENTINEL_PASSWORD: 'p' };
    expect(redis(env)?.topology).toEqual({
      kind: 'sentinel',
      sentinels: [
        { host: 'a', port: 26379 },
        { host: '::1', port: 26380 },
      ],
      master: 'm',
      username: undefined,
      password: 'p',
    });
  });

  it('is a Cluster, in a namespace with a hash tag', () => {
    const env = { REDIS_CLUSTER_NODES: 'a:1,b:2', REDIS_NAMESPACE: '{prod}' };
    expect(redis(env)?.topology).toMatchObject({ kind: 'cluster', nodes: [{ host: 'a' }, { host: 'b' }] });
  });

  it('is behind HTTP', () => {
    expect(redis(REST)?.topology).toEqual({ kind: 'rest', url: 'https://eu1.example', token: 'secret' });
    expect(readConfig(REST, false).storage).toBe('redis');
  });

  it('is what REDIS_PROTOCOL says where an environment names both ways to the same database', () => {
    const both = { ...REST, REDIS_URL: 'rediss://u:p@eu1.example:6379' };
    expect(redis({ ...both, REDIS_PROTOCOL: 'redis' })).toMatchObject({ host: 'eu1.example', password: 'p' });
    expect(redis({ ...both, REDIS_PROTOCOL: 'rest' })?.topology?.kind).toBe('rest');
  });

  it('is reached natively where an older guide says REDIS_PROTOCOL=native', () => {
    const env = { ...REST, UPSTASH_REDIS_URL: 'rediss://u:p@eu1.example:6379', REDIS_PROTOCOL: 'native' };
    expect(redis(env)).toMatchObject({ host: 'eu1.example', password: 'p' });
    expect(redis({ ...env, REDIS_PROTOCOL: 'Rest' })?.topology?.kind).toBe('rest');
    const [problem] = problems({ ...REST, UPSTASH_REDIS_URL: 'rediss://u:p@eu1.example:6379' });
    expect(problem).toMatch(/^UPSTASH_REDIS_REST_URL .* with UPSTASH_REDIS_URL, .* choose with REDIS_PROTOCOL/);
  });

  it.each([
    [
      { REDIS_URL: 'redis://a', REDIS_CLUSTER_NODES: 'a:1', REDIS_NAMESPACE: '{p}' },
      'REDIS_CLUSTER_NODES',
      'REDIS_URL',
    ],
    [{ REDIS_HOST: 'a', REDIS_SENTINELS: 'a:1', REDIS_SENTINEL_MASTER: 'm' }, 'REDIS_SENTINELS', 'REDIS_HOST'],
    [{ ...REST, REDIS_URL: 'redis://a' }, 'UPSTASH_REDIS_REST_URL', 'REDIS_URL'],
    [{ REDIS_SENTINEL_MASTER: 'm', REDIS_URL: 'redis://a' }, 'REDIS_SENTINEL_MASTER', 'REDIS_SENTINELS'],
    [{ REDIS_URL: 'redis://a', REDIS_TLS: 'true' }, 'REDIS_TLS', 'REDIS_URL'],
    [{ REDIS_URL: 'redis://a', REDIS_TLS_CA: PEM }, 'REDIS_TLS_CA', 'rediss://'],
    [{ REDIS_URL: 'redis://a', REDIS_TLS_REJECT_UNAUTHORIZED: 'false' }, 'REDIS_TLS_REJECT_UNAUTHORIZED', 'TLS'],
    [{ REDIS_CLUSTER_NODES: 'a:1', REDIS_NAMESPACE: '{p}', REDIS_DB: '3' }, 'REDIS_DB', 'REDIS_CLUSTER_NODES'],
    [{ ...REST, REDIS_PASSWORD: 'p' }, 'REDIS_PASSWORD', 'UPSTASH_REDIS_REST_URL'],
    [{ REDIS_PROTOCOL: 'rest', REDIS_HOST: 'a' }, 'REDIS_PROTOCOL', 'REDIS_HOST'],
  ])('names both when they contradict each other: %j', (env, name, other) => {
    const [problem] = problems(env as unknown as Record<string, string>);
    expect(problem?.split(' ')[0]).toBe(name);
    expect(problem).toContain(other);
  });

  it('says what is missing, and why', () => {
    expect(problems({ REDIS_CLUSTER_NODES: 'a:1' })).toEqual([
      'REDIS_NAMESPACE must carry a hash tag with REDIS_CLUSTER_NODES, such as {prod}: all keys of a tenant must share one slot of the Cluster',
    ]);
    expect(problems({ REDIS_SENTINELS: 'a:1' })[0]).toContain('REDIS_SENTINEL_MASTER is missing');
    expect(problems({ UPSTASH_REDIS_REST_URL: 'https://a' })[0]).toContain('UPSTASH_REDIS_REST_TOKEN is missing');
    expect(problems({ UPSTASH_REDIS_REST_URL: 'eu1', UPSTASH_REDIS_REST_TOKEN: 't' })[0]).toContain('https:// URL');
    expect(problems({ REDIS_SENTINELS: 'a' })[0]).toContain('host:port');
  });

  it('takes a certificate authority as a file or as text, and never shows the text', () => {
    const directory = mkdtempSync(join(tmpdir(), 'waymark-config-'));
    const path = join(directory, 'ca.pem');
    writeFileSync(path, PEM);
    const of = (ca: string) => redis({ REDIS_URL: 'rediss://a', REDIS_TLS_CA: ca })?.tls;
    expect(of(path)).toMatchObject({ ca: PEM });
    expect(of(PEM)).toMatchObject({ ca: PEM });
    expect(of(PEM.replaceAll('\n', '\\n'))).toMatchObject({ ca: PEM });
    rmSync(directory, { recursive: true });
    expect(problems({ REDIS_URL: 'rediss://a', REDIS_TLS_CA: path })).toEqual(['REDIS_TLS_CA cannot be read']);
    expect(problems({ REDIS_URL: 'rediss://a', REDIS_TLS_CA: '-----BEGIN nothing' })[0]).toContain('no certificate');
  });
});
