import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

/** A network between client and server, and what can happen on it. */
export interface TcpProxy {
  readonly port: number;
  /** Cuts the connection instead of passing on the next answer; the server has done its work by then. */
  cutNextAnswer(): void;
  /** From now on what clients send on their present connections is kept back, even after they have gone. */
  holdBack(): void;
  /** Delivers what was kept back, and settles when the server has taken it. */
  deliver(): Promise<void>;
  close(): Promise<void>;
}

interface Line {
  readonly client: Socket;
  readonly server: Socket;
  isHeld: boolean;
  held: Buffer[];
}

export async function startProxy(target: number): Promise<TcpProxy> {
  const lines = new Set<Line>();
  let cuts = 0;
  const listener = createServer((client) => {
    const server = connect(target, '127.0.0.1');
    const line: Line = { client, server, isHeld: false, held: [] };
    lines.add(line);
    client.on('data', (chunk: Buffer) => (line.isHeld ? line.held.push(chunk) : server.write(chunk)));
    server.on('data', (chunk: Buffer) => {
      if (cuts > 0) {
        cuts--;
        client.destroy();
        server.destroy();
      } else if (!client.destroyed) {
        client.write(chunk);
      }
    });
    client.on('close', () => line.isHeld || server.destroy());
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
    async close() {
      for (const { client, server } of lines) {
        client.destroy();
        server.destroy();
      }
      listener.close();
      await once(listener, 'close');
    },
  };
}
