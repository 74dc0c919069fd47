import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

/** A TCP proxy between client and server that simulates faults of a network. */
export interface TcpProxy {
  readonly port: number;
  /** Cuts the connection instead of passing on the next answer; the server has already executed the command. */
  cutNextAnswer(): void;
  /** Keeps back all that clients send on their present connections, even after they have closed them. */
  holdBack(): void;
  /** Delivers what was kept back; resolves when the server has received it. */
  deliver(): Promise<void>;
  /** Cuts all connections and refuses new ones, like a server that is down. */
  down(): void;
  /** Leaves all connections open and passes nothing on, in either direction. */
  silence(): void;
  /** Delays each answer by so many milliseconds. */
  delay(ms: number): void;
  /** Cuts all connections; new ones are let through. */
  cut(): void;
  /** Number of open connections. */
  readonly open: number;
  /** Passes on nothing more of what Redis tells its subscribers; they stay connected and do not notice. */
  muteSubscriptions(): void;
  /** Cuts connections of subscribers, present and new ones. */
  refuseSubscriptions(): void;
  /**
   * Cuts all connections, or the oldest so many. New ones go to the server on this port, as after a failover behind one
   * address.
   */
  point(port: number, oldest?: number): void;
  /** Ends the fault; connections that were silent are cut. */
  up(): void;
  close(): Promise<void>;
}

interface Line {
  readonly client: Socket;
  readonly server: Socket;
  isHeld: boolean;
  held: Buffer[];
  hasSubscribed: boolean;
  /** Answers on their way to the client. */
  readonly late: Buffer[];
}

export async function startProxy(first: number): Promise<TcpProxy> {
  let target = first;
  const lines = new Set<Line>();
  let cuts = 0;
  let isDown = false;
  let isSilent = false;
  let delayMs = 0;
  let subscriptions: 'heard' | 'muted' | 'refused' = 'heard';
  const cutLine = ({ client, server }: Line) => {
    client.destroy();
    server.destroy();
  };
  const cut = (oldest = lines.size) => {
    for (const line of [...lines].slice(0, oldest)) {
      cutLine(line);
      lines.delete(line);
    }
  };
  const listener = createServer((client) => {
    if (isDown) return void client.destroy();
    const server = connect(target, '127.0.0.1');
    const line: Line = { client, server, isHeld: false, held: [], hasSubscribed: false, late: [] };
    lines.add(line);
    client.on('data', (chunk: Buffer) => {
      line.hasSubscribed ||= /\r\ns?subscribe\r\n/i.test(chunk.toString('latin1'));
      if (line.hasSubscribed && subscriptions === 'refused') return cutLine(line);
      if (line.isHeld) line.held.push(chunk);
      else if (!isSilent) server.write(chunk);
    });
    server.on('data', (chunk: Buffer) => {
      if (isSilent || (line.hasSubscribed && subscriptions === 'muted')) return;
      if (delayMs > 0 || line.late.length > 0) {
        // A connection keeps its order: whichever timer fires, the oldest answer goes first.
        line.late.push(chunk);
        setTimeout(() => {
          const oldest = line.late.shift();
          if (oldest !== undefined && !client.destroyed) client.write(oldest);
        }, delayMs);
      } else if (cuts > 0) {
        cuts--;
        cutLine(line);
      } else if (!client.destroyed) {
        client.write(chunk);
      }
    });
    client.on('close', () => {
      if (line.isHeld) return;
      server.destroy();
      lines.delete(line);
    });
    server.on('close', () => client.destroy());
    for (const socket of [client, server]) socket.on('error', () => undefined);
  }).listen(0, '127.0.0.1');
  await once(listener, 'listening');
  return {
    port: (listener.address() as AddressInfo).port,
    cutNextAnswer: () => void cuts++,
    holdBack() {
      for (const line of lines) line.isHeld = true;
    },
    async deliver() {
      const held = [...lines].filter(({ isHeld }) => isHeld);
      for (const { server, held: chunks } of held) server.end(Buffer.concat(chunks));
      await Promise.all(held.map(({ server }) => (server.closed ? undefined : once(server, 'close'))));
    },
    down() {
      isDown = true;
      cut();
    },
    silence: () => void (isSilent = true),
    delay: (ms) => void (delayMs = ms),
    cut: () => cut(),
    muteSubscriptions: () => void (subscriptions = 'muted'),
    refuseSubscriptions() {
      subscriptions = 'refused';
      for (const line of lines) if (line.hasSubscribed) cutLine(line);
    },
    point(port, oldest) {
      target = port;
      cut(oldest);
    },
    get open() {
      return lines.size;
    },
    up() {
      isDown = false;
      delayMs = 0;
      if (isSilent || subscriptions !== 'heard') cut();
      isSilent = false;
      subscriptions = 'heard';
    },
    async close() {
      cut();
      listener.close();
      await once(listener, 'close');
    },
  };
}
