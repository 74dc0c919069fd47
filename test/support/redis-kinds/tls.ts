import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer } from 'node:tls';
import { Authority, type Certificate } from '../certificates.js';
import { freePort, startRedisProcess } from '../redis-process.js';
import type { RunningRedis } from './redis-kind.js';

export interface TlsRedis extends RunningRedis {
  readonly port: number;
  /** Certificate of the authority, as PEM. */
  readonly ca: string;
}

/** A Redis that speaks TLS only, with a certificate of a private authority. */
export async function startTls(names: readonly string[] = ['localhost', '127.0.0.1']): Promise<TlsRedis> {
  const authority = new Authority();
  const certificate = authority.issue(names);
  const directory = await mkdtemp(join(tmpdir(), 'waymark-tls-'));
  const ca = join(directory, 'ca.pem');
  await writeFile(ca, authority.ca);
  const server = await ownTls(certificate, directory, ca).catch(() => behindTls(certificate));
  return {
    port: server.port,
    ca: authority.ca,
    env: { REDIS_URL: `rediss://127.0.0.1:${server.port}`, REDIS_TLS_CA: ca },
    async stop() {
      await server.stop();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

async function ownTls({ cert, key }: Certificate, directory: string, ca: string) {
  const port = await freePort();
  const files = { cert: join(directory, 'cert.pem'), key: join(directory, 'key.pem') };
  await writeFile(files.cert, cert);
  await writeFile(files.key, key, { mode: 0o600 });
  const options = {
    port: '0',
    'tls-port': String(port),
    'tls-cert-file': files.cert,
    'tls-key-file': files.key,
    'tls-ca-cert-file': ca,
    'tls-auth-clients': 'no',
  };
  const redis = await startRedisProcess(...Object.entries(options).flatMap(([name, value]) => [`--${name}`, value]));
  return { port, stop: () => redis.stop() };
}

/** A TLS proxy, for a redis-server that was built without TLS. */
async function behindTls({ cert, key }: Certificate) {
  const redis = await startRedisProcess();
  const proxy = createServer({ cert, key }, (client) => {
    const server = connect(redis.port, '127.0.0.1');
    client.pipe(server).pipe(client);
    for (const [one, other] of [
      [client, server],
      [server, client],
    ] as const) {
      one.on('error', () => undefined);
      one.on('close', () => other.destroy());
    }
  }).listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  return {
    port: (proxy.address() as AddressInfo).port,
    async stop() {
      proxy.close();
      await redis.stop();
    },
  };
}
