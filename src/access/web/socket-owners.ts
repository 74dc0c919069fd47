import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { connect, createServer, isIP, type AddressInfo, type Socket } from 'node:net';
import { endianness } from 'node:os';
import { FreshReading } from './fresh-reading.js';
import { groupsOf, normalAddress } from './ip-address.js';

/** The two ends of a connection, from the side of this process. */
export type Ends = Pick<Socket, 'localAddress' | 'localPort' | 'remoteAddress' | 'remotePort'>;

type Read = (family: 4 | 6) => Promise<string>;

/** Tables of the kernel: each TCP socket of this network namespace, with the user that owns it. */
const readTable: Read = (family) => readFile(family === 4 ? '/proc/net/tcp' : '/proc/net/tcp6', 'latin1');

/**
 * Finds the user who owns the other end of a connection within this machine. Linux only.
 * Reading a large table of the kernel takes milliseconds, so one reading serves all connections that began before it.
 */
export class SocketOwners {
  readonly #v4: FreshReading<string>;
  readonly #v6: FreshReading<string>;

  constructor(read: Read = readTable) {
    this.#v4 = new FreshReading(() => read(4));
    this.#v6 = new FreshReading(() => read(6));
  }

  /** True if this machine shows owners. Tried with a connection of this process to itself. */
  async canTell(): Promise<boolean> {
    const server = createServer().listen(0, '127.0.0.1');
    try {
      await once(server, 'listening');
      const accepted = once(server, 'connection') as Promise<[Socket]>;
      const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
      const [served] = await accepted;
      const owner = await this.ownerOf(served);
      client.destroy();
      served.destroy();
      return owner !== undefined && owner === process.getuid?.();
    } catch {
      return false;
    } finally {
      server.close();
    }
  }

  /** Number of the user; undefined when no process holds the other end. */
  async ownerOf(ends: Ends): Promise<number | undefined> {
    if (isIP(normalAddress(ends.remoteAddress ?? '')) === 6) return ownerIn(await this.#v6.get(), ends);
    // A client may use an IPv6 socket for an IPv4 address.
    return ownerIn(await this.#v4.get(), ends) ?? ownerIn(await this.#v6.get(), ends);
  }
}

/** Columns of the tables: number, own address, other address, state, queues, timer, retries, user, timeout, inode. */
const USER = 7;
const INODE = 9;

export function ownerIn(table: string, ends: Ends): number | undefined {
  const locals = spellings(ends.localAddress);
  const remotes = spellings(ends.remoteAddress);
  for (const [i, remote] of remotes.entries()) {
    const at = table.indexOf(` ${remote}:${hex(ends.remotePort, 4)} ${locals[i]}:${hex(ends.localPort, 4)} `);
    if (at === -1) continue;
    const line = table.slice(table.lastIndexOf('\n', at) + 1, table.indexOf('\n', at));
    const columns = line.trim().split(/ +/);
    // A socket without an inode belongs to no process any more. The kernel shows user 0 for it, whoever owned it.
    return columns[INODE] === '0' ? undefined : Number(columns[USER]);
  }
  return undefined;
}

/** Spellings of an address in the tables. An IPv4 address has two: four bytes, and the end of an IPv6 address. */
function spellings(address = ''): string[] {
  const plain = normalAddress(address);
  if (isIP(plain) === 4) {
    const word = wordOf(plain.split('.').map(Number));
    return [word, `${'0'.repeat(16)}${wordOf([0, 0, 0xff, 0xff])}${word}`];
  }
  const bytes = groupsOf(plain).flatMap((group) => [group >> 8, group & 0xff]);
  return [[0, 4, 8, 12].map((start) => wordOf(bytes.slice(start, start + 4))).join('')];
}

/** Four bytes as the kernel prints them: as a number in the byte order of the machine. */
function wordOf(bytes: readonly number[]): string {
  const inOrder = endianness() === 'LE' ? bytes.toReversed() : bytes;
  return inOrder.map((byte) => hex(byte, 2)).join('');
}

function hex(value = 0, digits: number): string {
  return value.toString(16).toUpperCase().padStart(digits, '0');
}
