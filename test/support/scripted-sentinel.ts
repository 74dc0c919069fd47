import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { until } from './until.js';

/** A sentinel whose answers come when a case says so. */
export class ScriptedSentinel {
  readonly #server = createServer((socket) => this.#serve(socket));
  readonly #sockets = new Set<Socket>();
  readonly #subscribers = new Set<Socket>();
  #held: (() => void)[] | undefined;

  private constructor(private master: number) {}

  /** `master`: port of the loopback. */
  static async start(master: number): Promise<ScriptedSentinel> {
    const sentinel = new ScriptedSentinel(master);
    sentinel.#server.listen(0, '127.0.0.1');
    await once(sentinel.#server, 'listening');
    return sentinel;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  async subscribed(): Promise<void> {
    await until(() => this.#subscribers.size > 0, 'somebody subscribes to news of the sentinel');
  }

  /** Keeps back answers about the master; resolves when somebody waits for one. */
  async holdAnswers(): Promise<void> {
    const held = (this.#held = []);
    await until(() => held.length > 0, 'somebody asks for the master');
  }

  /** Reports a new master; resolves when all subscribers have left to connect to it. */
  async switchTo(master: number): Promise<void> {
    const [from, to] = [this.master, (this.master = master)];
    const news = `the-master 127.0.0.1 ${from} 127.0.0.1 ${to}`;
    for (const socket of this.#subscribers) socket.write(list('message', '+switch-master', news));
    await until(() => this.#subscribers.size === 0, 'the subscribers have left');
  }

  answer(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const one of held) one();
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #serve(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => {
      this.#sockets.delete(socket);
      this.#subscribers.delete(socket);
    });
    socket.on('data', (chunk) => {
      // The commands are short: each arrives whole.
      const words = chunk.toString().split('\r\n');
      for (let at = 0; words[at]?.startsWith('*');) {
        const size = Number(words[at]?.slice(1));
        const command = Array.from({ length: size }, (_, n) => words[at + 2 + 2 * n] as string);
        at += 1 + 2 * size;
        this.#reply(socket, command);
      }
    });
  }

  #reply(socket: Socket, [name = '', what = '']: readonly string[]): void {
    if (name.toLowerCase() === 'subscribe') {
      this.#subscribers.add(socket);
      socket.write(`*3\r\n${text('subscribe')}${text(what)}:1\r\n`);
    } else if (what === 'get-master-addr-by-name') {
      const answer = () => socket.write(list('127.0.0.1', String(this.master)));
      if (this.#held === undefined) answer();
      else this.#held.push(answer);
    } else if (what === 'sentinels') socket.write('*0\r\n');
    else socket.write(`-ERR unknown command '${name}'\r\n`);
  }
}

const text = (value: string) => `$${Buffer.byteLength(value)}\r\n${value}\r\n`;
const list = (...values: readonly string[]) => `*${values.length}\r\n${values.map(text).join('')}`;
