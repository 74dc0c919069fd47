import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { FreshReading } from './fresh-reading.js';
import { ownerIn, SocketOwners } from './socket-owners.js';

const isLinux = process.platform === 'linux';
const NOBODY = 65534;

describe('one reading for many', () => {
  it('serves who asked before it began, and nobody who asked later', async () => {
    const ends: ((value: number) => void)[] = [];
    const reading = new FreshReading<number>(() => new Promise((resolve) => void ends.push(resolve)));
    const first = reading.get();
    const later = [reading.get(), reading.get()];
    expect(ends).toHaveLength(1);
    ends[0]?.(1);
    expect(await first).toBe(1);
    await Promise.resolve();
    expect(ends).toHaveLength(2);
    ends[1]?.(2);
    expect(await Promise.all(later)).toEqual([2, 2]);
    const last = reading.get();
    ends[2]?.(3);
    expect(await last).toBe(3);
  });

  it('goes on after one that failed', async () => {
    let n = 0;
    const reading = new FreshReading(() => (n++ === 0 ? Promise.reject(new Error('no')) : Promise.resolve(n)));
    const [first, second] = await Promise.allSettled([reading.get(), reading.get()]);
    expect([first?.status, second?.status]).toEqual(['rejected', 'fulfilled']);
  });
});

describe('the table of sockets', () => {
  const line = (ends: string, user: number, inode: number) =>
    `   0: ${ends} 01 00000000:00000000 00:00000000 00000000 ${user}        0 ${inode} 1 0000000006f31b1d 100 0 0 10 0\n`;
  const ends = { localAddress: '127.0.0.1', localPort: 3000, remoteAddress: '127.0.0.1', remotePort: 40_000 };

  it('tells the user of the other end', () => {
    const own = line('0100007F:0BB8 0100007F:9C40', 7, 5);
    expect(ownerIn(own + line('0100007F:9C40 0100007F:0BB8', 33, 6), ends)).toBe(33);
    expect(ownerIn(own, ends)).toBeUndefined();
  });

  it('tells nobody of a socket that its process has closed', () => {
    expect(ownerIn(line('0100007F:9C40 0100007F:0BB8', 0, 0), ends)).toBeUndefined();
  });

  it('knows IPv4 inside IPv6, and IPv6', () => {
    const mapped = '0000000000000000FFFF00000100007F';
    expect(ownerIn(line(`${mapped}:9C40 ${mapped}:0BB8`, 33, 6), ends)).toBe(33);
    const own = { ...ends, localAddress: '::ffff:127.0.0.1', remoteAddress: '::ffff:127.0.0.1' };
    expect(ownerIn(line('0100007F:9C40 0100007F:0BB8', 33, 6), own)).toBe(33);
    const loopback = '00000000000000000000000001000000';
    const six = { ...ends, localAddress: '::1', remoteAddress: '::1' };
    expect(ownerIn(line(`${loopback}:9C40 ${loopback}:0BB8`, 33, 6), six)).toBe(33);
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
    expect(await new SocketOwners(() => Promise.resolve('')).canTell()).toBe(false);
    expect(await new SocketOwners(() => Promise.reject(new Error('no such file'))).canTell()).toBe(false);
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
