/** Lets calls through while open; holds them while closed. */
export class Gate {
  #opened: Promise<void> | undefined;
  #open: () => void = () => undefined;
  #running = 0;
  #idle: () => void = () => undefined;

  run<T>(work: () => Promise<T>): Promise<T> {
    return this.#opened === undefined ? this.#pass(work) : this.#opened.then(() => this.run(work));
  }

  /** Closes the gate at once. Resolves when no call is under way. */
  async close(): Promise<void> {
    this.#opened ??= new Promise((resolve) => (this.#open = resolve));
    if (this.#running > 0) await new Promise<void>((resolve) => (this.#idle = resolve));
  }

  open(): void {
    this.#opened = undefined;
    this.#open();
  }

  #pass<T>(work: () => Promise<T>): Promise<T> {
    this.#running++;
    const done = () => {
      if (--this.#running === 0) this.#idle();
    };
    const result = work();
    result.then(done, done);
    return result;
  }
}
