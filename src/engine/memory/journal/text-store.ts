/** Large enough that a million states make few, small enough that one is moved in a moment. */
const SLAB_BYTES = 1024 * 1024;
/** What is longer gets a slab of its own; it would leave too much of a common one unused. */
const LARGE_BYTES = SLAB_BYTES / 8;

interface Slab {
  readonly buffer: Buffer;
  used: number;
  /** Bytes of texts that somebody holds. */
  heldBytes: number;
  /** What is in it, held or not; undefined once what was held has been moved elsewhere. */
  texts: StoredText[] | undefined;
  /** Nothing is added any more. */
  isClosed: boolean;
}

/**
 * A text in UTF-8, outside the heap of the language: a million strings there would cost two bytes for each character as soon as
 * one of them is not Latin, and the collector would walk around them again and again.
 */
export class StoredText {
  /** How many hold it, and where it is: for the store alone. */
  holders = 0;

  constructor(
    public slab: Slab,
    public start: number,
    readonly length: number,
  ) {}

  toString(): string {
    return this.slab.buffer.toString('utf8', this.start, this.start + this.length);
  }

  /** A view that stays as it is, also when the text is moved or let go. */
  bytes(): Buffer {
    return this.slab.buffer.subarray(this.start, this.start + this.length);
  }
}

/**
 * Texts side by side in slabs. Nothing is ever written over, so whoever has a text can read it, held or not; the collector frees
 * a slab when no text is in it any more. Holding only says which texts will stay: when less than half of a full slab is held,
 * that is moved to another one.
 */
export class TextStore {
  #open = newSlab(0);

  add(text: string): StoredText {
    const added = this.#place(Buffer.byteLength(text));
    added.slab.buffer.write(text, added.start, added.length, 'utf8');
    return added;
  }

  addBytes(bytes: Uint8Array): StoredText {
    const added = this.#place(bytes.length);
    added.slab.buffer.set(bytes, added.start);
    return added;
  }

  hold(text: StoredText): void {
    if (text.holders++ > 0) return;
    // Its slab was given up while nobody held it: by the texts that came after it, or before an undo brought it back.
    if (text.slab.texts === undefined) this.#move(text);
    text.slab.heldBytes += text.length;
  }

  release(text: StoredText): void {
    if (--text.holders > 0) return;
    text.slab.heldBytes -= text.length;
    this.#tidy(text.slab);
  }

  #place(length: number): StoredText {
    const slab = this.#slabFor(length);
    const text = new StoredText(slab, slab.used, length);
    enter(slab, text);
    return text;
  }

  #move(text: StoredText): void {
    const slab = this.#slabFor(text.length);
    slab.buffer.set(text.bytes(), slab.used);
    text.slab = slab;
    text.start = slab.used;
    enter(slab, text);
  }

  #slabFor(length: number): Slab {
    if (length > LARGE_BYTES) return newSlab(length);
    const slab = this.#open;
    if (slab.used + length <= slab.buffer.length) return slab;
    this.#open = newSlab(SLAB_BYTES);
    slab.isClosed = true;
    // Puts less than half a slab into the new one, so there is room for the text.
    this.#tidy(slab);
    return this.#open;
  }

  #tidy(slab: Slab): void {
    if (!slab.isClosed || slab.heldBytes * 2 >= slab.used) return;
    const { texts = [] } = slab;
    slab.texts = undefined;
    for (const text of texts) {
      if (text.holders === 0) continue;
      this.#move(text);
      text.slab.heldBytes += text.length;
    }
  }
}

function enter(slab: Slab, text: StoredText): void {
  slab.used += text.length;
  slab.texts?.push(text);
}

function newSlab(size: number): Slab {
  // Not from the pool of small buffers, and not zeroed: only what was written is ever read.
  return { buffer: Buffer.allocUnsafeSlow(size), used: 0, heldBytes: 0, texts: [], isClosed: false };
}
