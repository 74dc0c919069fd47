import { setMaxListeners } from 'node:events';
import { Injectable } from '@nestjs/common';

/** Whether the service is on its way out. Whoever keeps a request open for long listens to `signal` and ends it early. */
@Injectable()
export class Draining {
  readonly #controller = new AbortController();

  constructor() {
    // Every request that waits listens, which is no leak.
    setMaxListeners(0, this.#controller.signal);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  get hasBegun(): boolean {
    return this.#controller.signal.aborted;
  }

  begin(): void {
    this.#controller.abort();
  }
}
