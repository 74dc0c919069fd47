import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { until } from '../../../test/support/until.js';
import { SocketOwners } from './socket-owners.js';
import { pagesOf, SocketTable, type Pages } from './socket-table.js';

const isLinux = process.platform === 'linux';
const NOBODY = 65534;

describe('a table that takes long to read', () => {
  it('is read once for all who asked before, and again for later ones', async () => {
    let readings = 0;
    const gate: (() => void)[] = [];
    const table = new SocketTable(async function* () {
      readings++;
      await new Promise<void>((resolve) => void gate.push(resolve));
      yield 'one\ntwo\nthree\n';
    });
    const early = table.find('two');
    const later = ['three', 'four'].map((text) => table.find(text));
    gate[0]?.();
    expect(await early).toBe('two');
    await until(() => gate.length === 2, 'the second reading');
    gate[1]?.();
    expect(await Promise.all(later)).toEqual(['three', undefined]);
    expect(readings).toBe(2);
  });

  it('is left when everything is found', async () => {
    const read: number[] = [];
    const table = new SocketTable(async function* () {
      for (let i = 0; i < 5; i++) {
        read.push(i);
        yield `row ${i}\n`;
      }
    });
    expect(await table.find('row 2')).toBe('row 2');
    expect(read).toEqual([0, 1, 2]);
  });

  it('holds nothing when it cannot be read, and is tried again', async () => {
    let n = 0;
    const table = new SocketTable(() => {
      if (n++ === 0) throw new Error('no such file');
      return pagesOf('/nothing');
    });
    expect([await table.find('a'), await table.find('a')]).toEqual([undefined, undefined]);
    expect(n).toBe(2);
  });
});

describe('the owner of the other end', () => {
  const line = (ends: string, user: number, inode: number) =>
    `   0: ${ends} 01 00000000:00000000 00:00000000 00000000 ${user}        0 ${inode} 1 0000000006f31b1d 100 0 0 10 0\n`;
  const ends = { localAddress: '127.0.0.1', localPort: 3000, remoteAddress: '127.0.0.1', remotePort: 40_000 };
  const rows = (text: string): Pages =>
    async function* () {
      yield text;
    };
  const owner = (v4: string, v6: string, of = ends) => new SocketOwners(rows(v4), rows(v6)).ownerOf(of);

  it('stands in its row, not in that of this end', async () => {
    const own = line('0100007F:0BB8 0100007F:9C40', 7, 5);
    expect(await owner(own + line('0100007F:9C40 0100007F:0BB8', 33, 6), '')).toBe(33);
    expect(await owner(own, '')).toBeUndefined();
  });

  it('is nobody when its process has closed it', async () => {
    expect(await owner(line('0100007F:9C40 0100007F:0BB8', 0, 0), '')).toBeUndefined();
  });

  it('is found for IPv4 inside IPv6, and for IPv6', async () => {
    const mapped = '0000000000000000FFFF00000100007F';
    expect(await owner('', line(`${mapped}:9C40 ${mapped}:0BB8`, 33, 6))).toBe(33);
    const own = { ...ends, localAddress: '::ffff:127.0.0.1', remoteAddress: '::ffff:127.0.0.1' };
    expect(await owner(line('0100007F:9C40 0100007F:0BB8', 33, 6), '', own)).toBe(33);
    const loopback = '00000000000000000000000001000000';
    const six = { ...ends, localAddress: '::1', remoteAddress: '::1' };
    expect(await owner('', line(`${loopback}:9C40 ${loopback}:0BB8`, 33, 6), six)).toBe(33);
  });

  it('is looked up again when the table changed while it was read', async () => {
    let n = 0;
    const changing: Pages = async function* () {
      yield n++ === 0 ? '' : line('0100007F:9C40 0100007F:0BB8', 33, 6);
    };
    expect(await new SocketOwners(changing, rows('')).ownerOf(ends)).toBe(33);
  });
});

(isLinux ? describe : describe.skip)('owners of real connections', () => {
  let server: Server;
  const accepted: Socket[] = [];
  const owners = new SocketOwners();
  const port = () => (server.address() as AddressInfo).port;
  const next = async () => (await once(server, 'connection'))[0] as Socket;

  beforeAll(async () => {
    server = createServer((socket) => void accepted.push(socket.on('error', () => undefined))).listen(0, '::');
    await once(server, 'listening');
  });
  afterAll(() => {
    for (const socket of accepted) socket.destroy();
    server.close();
  });

  it('are told by this machine', async () => {
    expect(await owners.canTell()).toBe(true);
    const nothing = () => pagesOf('/nothing');
    expect(await new SocketOwners(nothing, nothing).canTell()).toBe(false);
    // A failure that passes does not count.
    let n = 0;
    expect(await new SocketOwners(() => (n++ < 2 ? nothing() : pagesOf('/proc/net/tcp')), nothing).canTell()).toBe(
      true,
    );
  });

  it.each(['127.0.0.1', '::1'])('are this user for its own, at %s', async (host) => {
    const [socket] = [next(), connect(port(), host).on('error', () => undefined)];
    expect(await owners.ownerOf(await socket)).toBe(process.getuid?.());
  });

  const isRoot = process.getuid?.() === 0;
  (isRoot ? it : it.skip)('are another user for the program of another user', async () => {
    const code = `require('node:net').connect(${port()}, '127.0.0.1')`;
    const socket = next();
    const child = spawn(process.execPath, ['-e', code], { uid: NOBODY, gid: NOBODY, cwd: '/', stdio: 'ignore' });
    expect(await owners.ownerOf(await socket)).toBe(NOBODY);
    child.kill('SIGKILL');
    await once(child, 'exit');
    // The connection still stands here, and its other end belongs to nobody.
    expect(await owners.ownerOf(await socket)).toBeUndefined();
  });
});
