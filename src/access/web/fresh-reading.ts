/** Shares a slow reading among callers. Each caller gets a reading that began after its call. */
export class FreshReading<T> {
  #running: Promise<T> | undefined;
  #next: Promise<T> | undefined;

  constructor(private readonly read: () => Promise<T>) {}

  get(): Promise<T> {
    if (this.#running === undefined) return this.#start();
    const start = () => this.#start();
    return (this.#next ??= this.#running.then(start, start));
  }

  #start(): Promise<T> {
    this.#next = undefined;
    const reading = this.read().finally(() => {
      if (this.#running === reading) this.#running = undefined;
    });
    return (this.#running = reading);
  }
}
