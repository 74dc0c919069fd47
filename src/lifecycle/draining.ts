import { setMaxListeners } from 'node:events';
import { Injectable } from '@nestjs/common';

/** State of the shutdown. Long requests listen to `signal` and end early. */
@Injectable()
export class Draining {
  readonly #controller = new AbortController();

  constructor() {
    // One listener per waiting request is not a leak.
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
