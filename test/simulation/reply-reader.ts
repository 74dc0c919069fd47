import { isUtf8 } from 'node:buffer';

/** Reads replies in the protocol of Redis, version 2. An error is a value; what is no UTF-8 stays bytes. */
export class ReplyReader {
  #bytes: Buffer = Buffer.alloc(0);
  #at = 0;
  readonly #waiting: ((reply: unknown) => void)[] = [];

  constructor(private readonly errorOf: (message: string) => Error) {}

  next(): Promise<unknown> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  push(bytes: Buffer): void {
    this.#bytes = this.#bytes.length === 0 ? bytes : Buffer.concat([this.#bytes, bytes]);
    for (;;) {
      this.#at = 0;
      const reply = this.#read();
      if (reply === INCOMPLETE) return;
      this.#bytes = this.#bytes.subarray(this.#at);
      this.#waiting.shift()?.(reply);
    }
  }

  #read(): unknown {
    const end = this.#bytes.indexOf('\r\n', this.#at);
    if (end === -1) return INCOMPLETE;
    const kind = String.fromCharCode(this.#bytes[this.#at] as number);
    const line = this.#bytes.toString('utf8', this.#at + 1, end);
    this.#at = end + 2;
    switch (kind) {
      case '+':
        return line;
      case '-':
        return this.errorOf(line);
      case ':':
        return Number(line);
      case '$':
        return this.#text(Number(line));
      default:
        return this.#list(Number(line));
    }
  }

  #text(length: number): unknown {
    if (length < 0) return null;
    if (this.#bytes.length < this.#at + length + 2) return INCOMPLETE;
    const bytes = this.#bytes.subarray(this.#at, this.#at + length);
    this.#at += length + 2;
    return isUtf8(bytes) ? bytes.toString() : Buffer.from(bytes);
  }

  #list(length: number): unknown {
    if (length < 0) return null;
    const items: unknown[] = [];
    for (let i = 0; i < length; i++) {
      const item = this.#read();
      if (item === INCOMPLETE) return INCOMPLETE;
      items.push(item);
    }
    return items;
  }
}

const INCOMPLETE = Symbol('incomplete');
