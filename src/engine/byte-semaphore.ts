/** Limits the bytes that tasks hold at once; others wait in order. A task that is larger than the limit runs alone. */
export class ByteSemaphore {
  readonly #waiting: { readonly bytes: number; readonly goOn: () => void }[] = [];
  #held = 0;

  constructor(private readonly maxBytes: number) {}

  /** Number of tasks that wait. */
  get waiting(): number {
    return this.#waiting.length;
  }

  async run<T>(bytes: number, work: () => Promise<T>): Promise<T> {
    if (this.#waiting.length > 0 || !this.#hasRoom(bytes))
      await new Promise<void>((goOn) => this.#waiting.push({ bytes, goOn }));
    else this.#held += bytes;
    try {
      return await work();
    } finally {
      this.#held -= bytes;
      this.#admit();
    }
  }

  #hasRoom(bytes: number): boolean {
    return this.#held === 0 || this.#held + bytes <= this.maxBytes;
  }

  #admit(): void {
    for (let next = this.#waiting[0]; next !== undefined && this.#hasRoom(next.bytes); next = this.#waiting[0]) {
      this.#waiting.shift();
      this.#held += next.bytes;
      next.goOn();
    }
  }
}
