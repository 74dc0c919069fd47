/** Size of a slab. Larger slabs are fewer; smaller ones are copied faster. */
const SLAB_BYTES = 1024 * 1024;
/** A longer text gets a slab of its own, because it would waste too much of a shared one. */
const LARGE_BYTES = SLAB_BYTES / 8;

interface Slab {
  readonly buffer: Buffer;
  used: number;
  /** Bytes of retained texts. */
  retainedBytes: number;
  /** All texts of the slab; undefined once the retained ones were moved to another slab. */
  texts: StoredText[] | undefined;
  /** True when full: no text is added. */
  isClosed: boolean;
}

/**
 * A text in UTF-8 outside the JavaScript heap. On the heap, a text with one non-Latin character takes two bytes for each
 * character, and the garbage collector would visit millions of strings again and again.
 */
export class StoredText {
  /** Used by the store only, like `slab` and `start`. */
  references = 0;

  constructor(
    public slab: Slab,
    public start: number,
    readonly length: number,
  ) {}

  toString(): string {
    return this.slab.buffer.toString('utf8', this.start, this.start + this.length);
  }

  /** A view that stays valid when the text is moved or released. */
  bytes(): Buffer {
    return this.slab.buffer.subarray(this.start, this.start + this.length);
  }
}

/**
 * Texts side by side in slabs. A slab is never overwritten, so a text stays readable without being retained. The
 * garbage collector frees a slab when no text refers to it.
 * A retained text stays. When less than half of a full slab is retained, its retained texts are moved to another slab,
 * so that the old one can be freed.
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

  retain(text: StoredText): void {
    if (text.references++ > 0) return;
    // The slab was abandoned while nothing retained the text.
    if (text.slab.texts === undefined) this.#move(text);
    text.slab.retainedBytes += text.length;
  }

  release(text: StoredText): void {
    if (--text.references > 0) return;
    text.slab.retainedBytes -= text.length;
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
    // Moves less than half a slab into the new one, so the text still fits.
    this.#tidy(slab);
    return this.#open;
  }

  #tidy(slab: Slab): void {
    if (!slab.isClosed || slab.retainedBytes * 2 >= slab.used) return;
    const { texts = [] } = slab;
    slab.texts = undefined;
    for (const text of texts) {
      if (text.references === 0) continue;
      this.#move(text);
      text.slab.retainedBytes += text.length;
    }
  }
}

function enter(slab: Slab, text: StoredText): void {
  slab.used += text.length;
  slab.texts?.push(text);
}

function newSlab(size: number): Slab {
  // Not from the shared pool, and not filled with zeros: only written bytes are read.
  return { buffer: Buffer.allocUnsafeSlow(size), used: 0, retainedBytes: 0, texts: [], isClosed: false };
}
