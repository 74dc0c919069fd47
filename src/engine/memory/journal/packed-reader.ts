/** Error for a value of another type: the general decoder reads the row then. */
const OTHER_TYPE = new Error('another type');

const FIXED_LIST = 0x90;
const FIXED_TEXT = 0xa0;
const NULL = 0xc0;
const BYTES_8 = 0xc4;
const FLOAT_64 = 0xcb;
const UINT_8 = 0xcc;
const TEXT_8 = 0xd9;
/** Longer texts are decoded by one native call: V8 would keep them in parts if they were put together. */
const MAX_SHORT_TEXT = 12;

/**
 * Reads values in MessagePack one after the other, for rows of which a start reads millions. Bytes get no buffer of
 * their own, and a text that the caller knows already is not made again.
 */
export class PackedReader {
  #bytes: Buffer = Buffer.alloc(0);
  #copy = Buffer.alloc(0);
  #at = 0;
  #end = 0;

  /** Value that `read` makes of the bytes from `start` to `end`; undefined if they have another shape. */
  read<T>(bytes: Buffer, start: number, end: number, read: (reader: PackedReader) => T): T | undefined {
    this.#bytes = bytes;
    this.#at = start;
    this.#end = end;
    try {
      const value = read(this);
      return this.#at === end ? value : undefined;
    } catch (error) {
      if (error === OTHER_TYPE) return undefined;
      throw error;
    }
  }

  get isAtEnd(): boolean {
    return this.#at === this.#end;
  }

  /** The length of a list, whose members follow. */
  list(): number {
    const length = this.#byte() - FIXED_LIST;
    if (length < 0 || length > 15) throw OTHER_TYPE;
    return length;
  }

  /** Skips null, if it comes next, and returns true. */
  isNull(): boolean {
    if (this.#bytes[this.#at] !== NULL) return false;
    this.#at++;
    return true;
  }

  number(): number {
    const first = this.#byte();
    if (first < 0x80) return first;
    const size = first === FLOAT_64 ? 8 : 1 << (first - UINT_8);
    if ((first !== FLOAT_64 && (first < UINT_8 || size > 4)) || this.#at + size > this.#end) throw OTHER_TYPE;
    const at = this.#at;
    this.#at += size;
    return first === FLOAT_64 ? this.#bytes.readDoubleBE(at) : this.#bytes.readUIntBE(at, size);
  }

  numberOrNull(): number | null {
    return this.isNull() ? null : this.number();
  }

  /** Returns `known` itself if the text is equal to it. */
  text(known = ''): string {
    const first = this.#byte();
    const length = first >= FIXED_TEXT && first < NULL ? first - FIXED_TEXT : this.#length(first - TEXT_8);
    const start = this.#at;
    this.#skip(length);
    if (this.#isAt(start, length, known)) return known;
    return length > MAX_SHORT_TEXT ? this.#bytes.toString('utf8', start, start + length) : this.#short(start, length);
  }

  /** Bytes that are valid until the next call: a copy, since lmdb reads all values into one buffer. */
  bytes(): Buffer {
    const length = this.#length(this.#byte() - BYTES_8);
    const start = this.#at;
    this.#skip(length);
    if (this.#copy.length < length) this.#copy = Buffer.allocUnsafeSlow(2 * length);
    this.#bytes.copy(this.#copy, 0, start, start + length);
    return this.#copy.subarray(0, length);
  }

  #byte(): number {
    if (this.#at >= this.#end) throw OTHER_TYPE;
    return this.#bytes[this.#at++] as number;
  }

  #skip(length: number): void {
    this.#at += length;
    if (this.#at > this.#end) throw OTHER_TYPE;
  }

  /** A length of 1, 2 or 4 bytes. */
  #length(kind: number): number {
    const size = 1 << kind;
    if (kind < 0 || kind > 2 || this.#at + size > this.#end) throw OTHER_TYPE;
    const length = this.#bytes.readUIntBE(this.#at, size);
    this.#at += size;
    return length;
  }

  #isAt(start: number, length: number, text: string): boolean {
    if (text.length !== length) return false;
    for (let i = 0; i < length; i++) {
      const unit = text.charCodeAt(i);
      if (unit > 0x7f || this.#bytes[start + i] !== unit) return false;
    }
    return true;
  }

  #short(start: number, length: number): string {
    let text = '';
    for (let at = start; at < start + length; at++) {
      const byte = this.#bytes[at] as number;
      if (byte > 0x7f) return this.#bytes.toString('utf8', start, start + length);
      text += String.fromCharCode(byte);
    }
    return text;
  }
}
