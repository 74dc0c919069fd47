import { once } from 'node:events';
import { connect, createServer, type AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { readConfig } from '../../src/config/read-config.js';
import { examine } from '../../src/engine/redis/doctor/doctor.js';
import { startTls, type TlsRedis } from '../support/redis-kinds/tls.js';

/** A TLS record of an unknown type. Node reports an error when it reads one. */
const UNREADABLE = Buffer.from([0x7f, 0x03, 0x03, 0x00, 0x01, 0x00]);

/** A TCP proxy that adds an unreadable record to the first bytes that the server sends on each connection. */
async function startSpoiler(port: number) {
  let spoiled = 0;
  const proxy = createServer((client) => {
    const server = connect(port, '127.0.0.1');
    for (const socket of [client, server]) socket.on('error', () => undefined);
    client.pipe(server);
    client.once('close', () => server.destroy());
    server.once('close', () => client.destroy());
    server.once('data', (flight: Buffer) => {
      spoiled++;
      client.write(Buffer.concat([flight, UNREADABLE]));
    });
  }).listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  return {
    address: `127.0.0.1:${(proxy.address() as AddressInfo).port}`,
    spoiled: () => spoiled,
    close: () => void proxy.close(),
  };
}

describe('A Redis whose certificate is refused, and that sends an unreadable record after it', () => {
  let redis: TlsRedis;
  let spoiler: Awaited<ReturnType<typeof startSpoiler>>;

  beforeAll(async () => {
    redis = await startTls(['elsewhere.example']);
    spoiler = await startSpoiler(redis.port);
  });

  afterAll(async () => {
    spoiler.close();
    await redis.stop();
  });

  // An error of a socket to which nobody listens ends the process, and fails the case.
  it.each<readonly [string, (address: string) => Readonly<Record<string, string>>]>([
    ['a single Redis', (address) => ({ REDIS_URL: `rediss://${address}` })],
    ['a sentinel', (address) => ({ REDIS_SENTINELS: address, REDIS_SENTINEL_MASTER: 'master', REDIS_TLS: 'true' })],
    ['a node of a Cluster', (address) => ({ REDIS_CLUSTER_NODES: address, REDIS_TLS: 'true' })],
  ])('does not end the process: %s', async (_kind, variables) => {
    const before = spoiler.spoiled();
    const { redis: config } = readConfig({
      ...variables(spoiler.address),
      REDIS_NAMESPACE: '{all}',
      REDIS_TLS_CA: redis.ca,
      REDIS_SOCKET_CONNECT_TIMEOUT: '2s',
    });
    if (config === undefined) throw new Error('no Redis is named');
    const { isReachable, checks } = await examine(config);
    expect(isReachable).toBe(false);
    expect(checks[0]?.says).toContain('unreachable');
    expect(spoiler.spoiled()).toBeGreaterThan(before);
  });
});
