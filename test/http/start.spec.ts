import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { connect } from 'node:tls';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { open } from 'lmdb';
import { WebSocket } from 'ws';
import { Authority } from '../support/certificates.js';
import { startService, type ServiceProcess } from '../support/service-process.js';
import { until } from '../support/until.js';

const run = promisify(execFile);
const main = resolve(import.meta.dirname, '../../dist/main.js');
/** A spelling of loopback that the service does not take for one, so that nothing is reachable from elsewhere in these tests. */
const ELSEWHERE = '127.1';

/** A data directory on which a start waits: for heartbeats of an owner whose process it cannot look up. */
async function heldDirectory(): Promise<string> {
  const dataDir = mkdtempSync(join(tmpdir(), 'waymark-start-'));
  await (await startService({ DATA_DIR: dataDir })).stop();
  const root = open<unknown, never>({ path: join(dataDir, 'waymark.mdb'), noSubdir: true, maxDbs: 16 });
  const owner = { token: 'gone', pid: 1, host: 'elsewhere', startedAt: '', world: 'another', beat: 1 };
  await root.openDB<unknown, string>({ name: 'service' }).put('owner', owner);
  await root.close();
  return dataDir;
}

describe('the start', () => {
  it('is refused at once on an address that others reach, and names the ways out', async () => {
    // The processor time of the process, which other programs do not lengthen as they do the time on the clock.
    const note = 'process.on("exit", () => { const t = process.cpuUsage(); console.log((t.user + t.system) / 1e6); })';
    const child = spawn(process.execPath, ['--import', `data:text/javascript,${encodeURIComponent(note)}`, main], {
      env: { HOST: '0.0.0.0', PORT: '0', ENV_FILE: '/nothing', PATH: process.env['PATH'] ?? '' },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let [seconds, text] = ['', ''];
    child.stdout.on('data', (chunk: Buffer) => (seconds += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (text += chunk.toString()));
    const [code] = (await once(child, 'close')) as [number];
    expect(code).toBe(1);
    for (const way of ['ADMIN_TOKEN=', 'openssl rand -hex 32', 'JWT_ISSUER=', 'HOST=127.0.0.1', 'ACCESS=open'])
      expect(text).toContain(way);
    expect(Number(seconds)).toBeGreaterThan(0);
    expect(Number(seconds)).toBeLessThan(1);
  });

  it('is refused on a damaged data directory, with the file, the place and the remedy', async () => {
    const dataDir = mkdtempSync(join(tmpdir(), 'waymark-start-'));
    const service = await startService({ DATA_DIR: dataDir });
    const body = JSON.stringify({ said: 'before the damage' });
    const headers = { 'content-type': 'application/json' };
    expect((await fetch(`${service.url}/v1/workflows/w/state`, { method: 'PUT', headers, body })).status).toBe(201);
    await service.stop();
    const file = join(dataDir, 'waymark.mdb');
    const bytes = readFileSync(file);
    for (let at = bytes.indexOf('before the damage'); at >= 0; at = bytes.indexOf('before the damage', at)) {
      bytes[at] = 0x63;
    }
    const refusal = async () => {
      const child = spawn(process.execPath, [main], {
        env: { PORT: '0', ENV_FILE: '/nothing', DATA_DIR: dataDir, PATH: process.env['PATH'] ?? '' },
        stdio: ['ignore', 'ignore', 'pipe'],
      });
      let text = '';
      child.stderr.on('data', (chunk: Buffer) => (text += chunk.toString()));
      return [await once(child, 'close'), text];
    };
    for (const [damaged, place] of [
      [bytes, /page \d+, key ".*w.*" of "versions": wrong checksum/],
      [bytes.subarray(0, bytes.length / 2), /the file ends before it, at \d+ bytes/],
      [Buffer.alloc(0), /it is empty, and once had content/],
    ] as const) {
      writeFileSync(file, damaged);
      const [ended, text] = await refusal();
      expect(ended).toEqual([1, null]);
      expect(text).toMatch(place);
      expect(text).toContain(`waymark cannot start.\n${file} is damaged or not a journal of this service (`);
      expect(text).toContain(`waymark repair --from ${dataDir} --to `);
    }
    rmSync(dataDir, { recursive: true });
  });

  it('answers probes while the data directory is not loaded, and all else with the reason', async () => {
    const dataDir = await heldDirectory();
    let log = '';
    const starting = startService({ DATA_DIR: dataDir }, (text) => (log = text));
    await until(() => log.includes('/health/ready says when'), 'the port listens');
    const url = /(http:\S+)\/health\/ready says/.exec(log)?.[1] as string;
    const ask = async (path: string) => {
      const answer = await fetch(url + path);
      return [answer.status, (await answer.json()) as Record<string, unknown>] as const;
    };
    expect(await ask('/health/live')).toMatchObject([200, { status: 'ok' }]);
    expect(await ask('/health/ready')).toMatchObject([503, { details: { storage: { isLoading: true, percent: 0 } } }]);
    expect(await ask('/v1/workflows')).toMatchObject([503, { code: 'STORE_LOADING' }]);
    expect(log).not.toContain('serving on');
    const service = await starting;
    expect(service.url).toBe(url);
    expect(await ask('/health/ready')).toMatchObject([200, { status: 'ok' }]);
    expect(await ask('/v1/workflows')).toMatchObject([200, { items: [] }]);
    expect(await service.stop()).toBe(0);
    rmSync(dataDir, { recursive: true });
  });

  it('ends at once on a signal while the data directory is not loaded', async () => {
    const dataDir = await heldDirectory();
    const { PATH = '' } = process.env;
    const env = { PATH, PORT: '0', ENV_FILE: '/nothing', DATA_DIR: dataDir };
    const child = spawn(process.execPath, [main], { env, stdio: ['ignore', 'pipe', 'pipe'] });
    let log = '';
    child.stdout.on('data', (chunk: Buffer) => (log += chunk.toString()));
    await until(() => log.includes('/health/ready says when'), 'the port listens');
    child.kill('SIGTERM');
    expect(await once(child, 'close')).toEqual([0, null]);
    expect(log).not.toContain('serving on');
    rmSync(dataDir, { recursive: true });
  });

  it('on loopback says that access is open, and to whom', async () => {
    const service = await startService({});
    expect(service.log()).toMatch(/open access: programs of this user and of root on this machine need no credential/);
    expect(service.log()).toMatch(/"listensOn":"127\.0\.0\.1:\d+"/);
    expect((await fetch(`${service.url}/v1/workflows`)).status).toBe(200);
    const health = (await (await fetch(`${service.url}/health`)).json()) as { details: Record<string, unknown> };
    expect(health.details['access']).toEqual({ status: 'up', mode: 'open', warnings: [] });
    await service.stop();
  });

  it('with ACCESS=open elsewhere serves everybody, and warns in the log and in /health', async () => {
    const service = await startService({ HOST: ELSEWHERE, ACCESS: 'open' });
    const warning = `ACCESS=open with HOST=${ELSEWHERE}: everybody who reaches this address may read and change everything`;
    expect(service.log()).toContain(warning);
    const headers = { 'x-forwarded-for': '203.0.113.7' };
    expect((await fetch(`${service.url}/v1/workflows`, { headers })).status).toBe(200);
    const health = (await (await fetch(`${service.url}/health`)).json()) as { details: Record<string, unknown> };
    expect(health.details['access']).toMatchObject({ mode: 'open', warnings: [expect.stringContaining(warning)] });
    // Pages are held to their origins all the same.
    const foreign = { method: 'POST', headers: { origin: 'https://evil.example' } };
    expect((await fetch(`${service.url}/v1/queues/q/pause`, foreign)).status).toBe(403);
    await service.stop();
  });

  it('with ADMIN_TOKEN asks everybody for a credential', async () => {
    const service = await startService({ HOST: ELSEWHERE, ADMIN_TOKEN: 'a-token-of-some-length' });
    expect(service.log()).toContain('access by keys');
    expect((await fetch(`${service.url}/v1/workflows`)).status).toBe(401);
    expect((await fetch(`${service.url}/health/ready`)).status).toBe(200);
    await service.stop();
  });
});

describe('TLS of its own', () => {
  const authority = new Authority();
  const directory = mkdtempSync(join(tmpdir(), 'waymark-start-'));
  const [certFile, keyFile] = [join(directory, 'cert.pem'), join(directory, 'key.pem')];
  let service: ServiceProcess;
  const write = (name: string) => {
    const { cert, key } = authority.issue([name, '127.0.0.1']);
    writeFileSync(certFile, cert);
    writeFileSync(keyFile, key);
  };
  const get = async (path: string, headers: Record<string, string> = {}) => {
    const asked = request(service.url + path, { ca: authority.ca, headers, agent: false }).end();
    const [answer] = (await once(asked, 'response')) as [import('node:http').IncomingMessage];
    answer.setEncoding('utf8');
    let text = '';
    for await (const chunk of answer) text += String(chunk);
    return { status: answer.statusCode, text };
  };
  const dial = async (url: string, origin?: string) => {
    const socket = new WebSocket(url, { ca: authority.ca, ...(origin !== undefined && { origin }) });
    const opened = await new Promise((resolve) => {
      socket.once('open', () => resolve('open'));
      socket.once('error', (error) => resolve(error.message));
    });
    return { socket, opened };
  };
  const ownUrl = () => `wss://127.0.0.1:${/serving on wss:\/\/[^"]*:(\d+)/.exec(service.log())?.[1]}/`;
  const nameOf = async () => {
    const socket = connect({ port: Number(new URL(service.url).port), host: '127.0.0.1', ca: authority.ca });
    await once(socket, 'secureConnect');
    const name = socket.getPeerCertificate().subjectaltname;
    socket.destroy();
    return name;
  };

  beforeAll(async () => {
    write('one.example');
    service = await startService({ TLS_CERT_FILE: certFile, TLS_KEY_FILE: keyFile, WEBSOCKET_PORT: '0' });
  });
  afterAll(async () => {
    expect(await service.stop()).toBe(0);
    rmSync(directory, { recursive: true });
  });

  it('serves requests and WebSockets on both ports, and nothing in clear', async () => {
    expect(service.url).toMatch(/^https:/);
    expect((await get('/v1/workflows')).status).toBe(200);
    expect((await get('/v1/workflows', { origin: service.url })).status).toBe(200);
    expect((await get('/v1/workflows', { origin: service.url.replace('https', 'http') })).status).toBe(403);
    for (const url of [`${service.url.replace('https', 'wss')}/ws`, ownUrl()]) {
      const { socket, opened } = await dial(url);
      expect([url, opened]).toEqual([url, 'open']);
      socket.terminate();
      expect((await dial(url, 'https://evil.example')).opened).toContain('403');
    }
    await expect(fetch(`${service.url.replace('https', 'http')}/status`)).rejects.toThrow();
  });

  it('does not stand in the way of requests that offer another protocol', async () => {
    const headers = { connection: 'Upgrade, HTTP2-Settings', upgrade: 'h2c', 'http2-settings': 'x' };
    expect((await get('/status', headers)).status).toBe(200);
  });

  it('is what the health check of the image speaks', async () => {
    const [, command = ''] = /HEALTHCHECK [^]*?CMD (\[.*\])/.exec(
      readFileSync(new URL('../../Dockerfile', import.meta.url), 'utf8'),
    ) as RegExpExecArray;
    const [, ...args] = JSON.parse(command) as string[];
    const { port } = new URL(service.url);
    const env = { PATH: process.env['PATH'] ?? '', PORT: port };
    await expect(run(process.execPath, args, { env: { ...env, TLS_CERT_FILE: certFile } })).resolves.toBeDefined();
    await expect(run(process.execPath, args, { env })).rejects.toMatchObject({ code: 1 });
  });

  it('takes new files while connections stay, by itself and on SIGHUP, and keeps the earlier on broken ones', async () => {
    const { socket } = await dial(`${service.url.replace('https', 'wss')}/ws`);
    write('second.example');
    await until(async () => (await nameOf())?.includes('second.example') === true, 'the new certificate is served');
    writeFileSync(keyFile, authority.issue(['other.example']).key);
    service.child.kill('SIGHUP');
    await until(() => service.log().includes('serving on with the earlier certificate'), 'the error is logged');
    expect(await nameOf()).toContain('second.example');
    write('third.example');
    service.child.kill('SIGHUP');
    await until(async () => (await nameOf())?.includes('third.example') === true, 'the third certificate is served');
    expect(socket.readyState).toBe(WebSocket.OPEN);
    socket.send('{"type":"ping"}');
    expect(String((await once(socket, 'message'))[0])).toBe('{"type":"pong"}');
    socket.terminate();
  });

  it('is refused at the start with files that do not fit', async () => {
    writeFileSync(join(directory, 'wrong.pem'), authority.issue(['a.example']).key);
    const wrong = { TLS_CERT_FILE: certFile, TLS_KEY_FILE: join(directory, 'wrong.pem') };
    await expect(startService(wrong)).rejects.toThrow(/code 1:[^]*TLS_KEY_FILE=.*wrong.pem cannot be used together/);
    await expect(startService({ TLS_CERT_FILE: certFile })).rejects.toThrow(/TLS_KEY_FILE: is missing/);
  });
});
