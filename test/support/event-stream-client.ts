import { get, type ClientRequest, type IncomingMessage } from 'node:http';

export interface Frame {
  readonly event: string;
  readonly id: string;
  // oxlint-disable-next-line typescript/no-explicit-any -- tests look into data of every shape
  readonly data: any;
}

/** A client of Server-Sent Events as in the standard: dispatches events that have data, and keeps the last id. */
export class EventStreamClient {
  readonly frames: Frame[] = [];
  readonly comments: string[] = [];
  status = 0;
  headers: IncomingMessage['headers'] = {};
  lastId = '';
  hasEnded = false;
  body = '';
  #request: ClientRequest;
  #response: IncomingMessage | undefined;
  #buffer = '';

  constructor(
    url: string,
    headers: Record<string, string> = {},
    private readonly onFrame: (frame: Frame) => void = () => undefined,
  ) {
    this.#request = get(url, { headers: { accept: 'text/event-stream', ...headers }, agent: false }, (response) => {
      this.#response = response;
      this.status = response.statusCode ?? 0;
      this.headers = response.headers;
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => this.#read(chunk));
      response.on('error', () => undefined);
      response.on('close', () => (this.hasEnded = true));
    });
    this.#request.on('error', () => (this.hasEnded = true));
  }

  pause(): void {
    this.#response?.pause();
  }

  resume(): void {
    this.#response?.resume();
  }

  close(): void {
    this.#request.destroy();
  }

  /** The data of plain events. */
  get events(): Frame['data'][] {
    return this.frames.filter(({ event }) => event === 'message').map(({ data }) => data);
  }

  #read(chunk: string): void {
    this.body = (this.body + chunk).slice(0, 10_000);
    const blocks = (this.#buffer + chunk).split('\n\n');
    this.#buffer = blocks.pop() ?? '';
    for (const block of blocks) {
      let event = 'message';
      const data: string[] = [];
      for (const line of block.split('\n')) {
        const [, name = '', value = ''] = /^([^:]*): ?(.*)$/.exec(line) ?? [];
        if (name === '') this.comments.push(value);
        if (name === 'id') this.lastId = value;
        if (name === 'event') event = value;
        if (name === 'data') data.push(value);
      }
      if (data.length === 0) continue;
      const frame = { event, id: this.lastId, data: JSON.parse(data.join('\n')) };
      this.frames.push(frame);
      this.onFrame(frame);
    }
  }
}
