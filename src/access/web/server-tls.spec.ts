import { mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync, mkdirSync } from 'node:fs';
import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, Server as TlsServer, type TLSSocket } from 'node:tls';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Authority, type Certificate } from '../../../test/support/certificates.js';
import { ServerTls } from './server-tls.js';

const authority = new Authority();

describe('TLS of the service', () => {
  let directory: string;
  let files: { certFile: string; keyFile: string };
  let said: string[];
  let tls: ServerTls;
  let server: Server;
  const log = {
    info: (text: string) => void said.push(`info ${text}`),
    warn: (text: string) => void said.push(`warn ${text}`),
    error: (text: string) => void said.push(`error ${text}`),
  };
  const write = ({ cert, key }: Certificate) => {
    writeFileSync(files.certFile, cert);
    writeFileSync(files.keyFile, key);
  };
  const open = async () => {
    const socket = connect({
      port: (server.address() as AddressInfo).port,
      host: '127.0.0.1',
      ca: authority.ca,
      checkServerIdentity: () => undefined,
    });
    await once(socket, 'secureConnect');
    return socket;
  };
  const nameOf = (socket: TLSSocket) => socket.getPeerCertificate().subjectaltname;
  const served = async () => {
    const socket = await open();
    const name = nameOf(socket);
    socket.destroy();
    return name;
  };

  beforeEach(async () => {
    directory = mkdtempSync(join(tmpdir(), 'waymark-tls-'));
    files = { certFile: join(directory, 'cert.pem'), keyFile: join(directory, 'key.pem') };
    said = [];
    write(authority.issue(['one.example']));
    tls = new ServerTls(files, log);
    server = tls.createServer((_request, response) => response.end('ok')).listen(0, '127.0.0.1');
    await once(server, 'listening');
  });
  afterEach(() => {
    tls.onModuleDestroy();
    server.close();
    server.closeAllConnections();
    rmSync(directory, { recursive: true });
  });

  it('serves new files to new connections, and keeps the open ones', async () => {
    const early = await open();
    expect(nameOf(early)).toBe('DNS:one.example');
    write(authority.issue(['second.example']));
    // Files that have just changed may be half written.
    tls.check();
    expect(await served()).toBe('DNS:one.example');
    tls.check();
    expect(await served()).toBe('DNS:second.example');
    early.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    expect(String((await once(early, 'data'))[0])).toContain('200 OK');
    early.destroy();
    expect(said).toEqual([
      expect.stringMatching(/^info TLS: certificate for DNS:one.example, valid until \d{4}-/),
      expect.stringMatching(/^info TLS: certificate for DNS:second.example/),
    ]);
  });

  it('notices files that are exchanged through a symbolic link', async () => {
    const link = join(directory, 'current');
    const lay = (name: string) => {
      const { cert, key } = authority.issue([name]);
      mkdirSync(join(directory, name));
      writeFileSync(join(directory, name, 'cert.pem'), cert);
      writeFileSync(join(directory, name, 'key.pem'), key);
      symlinkSync(name, `${link}-new`);
      renameSync(`${link}-new`, link);
    };
    lay('first.example');
    const linked = new ServerTls({ certFile: join(link, 'cert.pem'), keyFile: join(link, 'key.pem') }, log);
    linked.attend(server);
    lay('next.example');
    for (let i = 0; i < 2; i++) linked.check();
    expect(await served()).toBe('DNS:next.example');
  });

  it('serves on with the earlier files when the new ones do not fit, says so once, and takes better ones', async () => {
    const [wrong, right] = [authority.issue(['wrong.example']), authority.issue(['right.example'])];
    write({ cert: wrong.cert, key: right.key });
    for (let i = 0; i < 4; i++) tls.check();
    expect(await served()).toBe('DNS:one.example');
    const errors = () => said.filter((text) => text.startsWith('error'));
    expect(errors()).toEqual([
      expect.stringMatching(/cannot be used together: .*mismatch; serving on with the earlier/),
    ]);
    rmSync(files.keyFile);
    tls.reload();
    expect(errors()[1]).toContain('cannot be read (ENOENT)');
    write(right);
    for (let i = 0; i < 2; i++) tls.check();
    expect(await served()).toBe('DNS:right.example');
  });

  it('refuses files that cannot be used, by the name of the setting', () => {
    writeFileSync(files.certFile, 'no certificate');
    expect(() => new ServerTls(files, log)).toThrow(/TLS_CERT_FILE=.*cert.pem and TLS_KEY_FILE=/);
    rmSync(files.certFile);
    expect(() => new ServerTls(files, log)).toThrow(/^TLS_CERT_FILE=.*cert.pem cannot be read \(ENOENT\)$/);
  });

  it('is none without files', () => {
    const none = new ServerTls(undefined, log);
    none.reload();
    none.check();
    expect([none.options, none.createServer(() => undefined) instanceof TlsServer]).toEqual([undefined, false]);
  });

  it('speaks TLS 1.2 and later only', async () => {
    const { port } = server.address() as AddressInfo;
    const versions = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1' } as const;
    const old = connect({ port, host: '127.0.0.1', ca: authority.ca, ciphers: 'DEFAULT@SECLEVEL=0', ...versions });
    const [error] = (await once(old, 'error')) as [NodeJS.ErrnoException];
    expect(error.code).toBe('ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION');
  });
});
