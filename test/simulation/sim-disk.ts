import { StoreFullError } from '../../src/engine/errors.js';
import type { VirtualTime } from './virtual-time.js';

/** The disk of one replica. It stays when the process on it dies. */
export class SimDisk {
  isFull = false;

  constructor(private readonly time: VirtualTime) {}

  /** A write reaches the disk some time before its caller hears of it. A process that dies in between has written. */
  write(action: () => void): Promise<void> {
    const { time } = this;
    const [writtenMs, answeredMs] = [time.random.below(8), time.random.below(4)];
    let failure: Error | undefined;
    time.outside(() =>
      time.after(writtenMs, () => {
        if (this.isFull) failure = new StoreFullError();
        else action();
      }),
    );
    return new Promise((resolve, reject) => {
      time.after(writtenMs + answeredMs, () => (failure === undefined ? resolve() : reject(failure)));
    });
  }
}
