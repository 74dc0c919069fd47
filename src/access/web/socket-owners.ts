import { once } from 'node:events';
import { connect, createServer, isIP, type AddressInfo, type Socket } from 'node:net';
import { endianness } from 'node:os';
import { groupsOf, normalAddress } from './ip-address.js';
import { pagesOf, SocketTable, type Pages } from './socket-table.js';

/** The two ends of a connection, from the side of this process. */
export type Ends = Pick<Socket, 'localAddress' | 'localPort' | 'remoteAddress' | 'remotePort'>;

const MAX_TRIES = 3;

/** Finds the user who owns the other end of a connection within this machine. Linux only. */
export class SocketOwners {
  readonly #v4: SocketTable;
  readonly #v6: SocketTable;

  constructor(v4: Pages = () => pagesOf('/proc/net/tcp'), v6: Pages = () => pagesOf('/proc/net/tcp6')) {
    this.#v4 = new SocketTable(v4);
    this.#v6 = new SocketTable(v6);
  }

  /**
   * True if this machine shows owners. Tried more than once, since one failure must not switch the look-ups off for
   * good.
   */
  async canTell(): Promise<boolean> {
    for (let i = 0; i < MAX_TRIES; i++) if (await this.#tellsOwn()) return true;
    return false;
  }

  /** Number of the user; undefined when no process holds the other end. */
  async ownerOf({ localAddress, localPort, remoteAddress, remotePort }: Ends): Promise<number | undefined> {
    const [local, remote] = [spellings(localAddress), spellings(remoteAddress)];
    const rows = local.map((one, i) => ` ${remote[i]}:${hex(remotePort, 4)} ${one}:${hex(localPort, 4)} `);
    const [first = '', inV6] = rows;
    if (inV6 === undefined) return ownerIn(await this.#v6.find(first));
    // A client may use an IPv6 socket for an IPv4 address. The table can change while it is read, so one miss proves
    // nothing.
    return (
      ownerIn(await this.#v4.find(first)) ?? ownerIn(await this.#v6.find(inV6)) ?? ownerIn(await this.#v4.find(first))
    );
  }

  /** Looks up a connection of this process to itself. */
  async #tellsOwn(): Promise<boolean> {
    const server = createServer().listen(0, '127.0.0.1');
    const sockets: Socket[] = [];
    try {
      await once(server, 'listening');
      const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
      sockets.push(client);
      const accepted = once(server, 'connection') as Promise<[Socket]>;
      const [[served]] = await Promise.all([accepted, once(client, 'connect')]);
      sockets.push(served);
      const owner = await this.ownerOf(served);
      return owner !== undefined && owner === process.getuid?.();
    } catch {
      return false;
    } finally {
      for (const socket of sockets) socket.destroy();
      server.close();
    }
  }
}

/** Columns of the tables: number, own address, other address, state, queues, timer, retries, user, timeout, inode. */
const USER = 7;
const INODE = 9;

function ownerIn(row: string | undefined): number | undefined {
  if (row === undefined) return undefined;
  const columns = row.trim().split(/ +/);
  // A socket without an inode belongs to no process any more. The kernel shows user 0 for it, whoever owned it.
  return columns[INODE] === '0' ? undefined : Number(columns[USER]);
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
