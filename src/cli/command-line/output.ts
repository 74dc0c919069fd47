import { UNITS } from '../../config/units.js';

const CLOSED = ['EPIPE', 'ERR_STREAM_DESTROYED', 'ECONNRESET'];

/** The reader of stdout has closed it, as `head` does: the command ends without a failure. */
export class OutputClosedError extends Error {
  override readonly name = 'OutputClosedError';
}

/** Writes to stdout and waits, so that a slow reader slows the command down and a closed one ends it. */
export class Output {
  constructor(private readonly stream: NodeJS.WritableStream) {
    // Each write reports its own failure; without a listener an error event would end the process.
    stream.on('error', () => undefined);
  }

  /** @throws OutputClosedError */
  line(text: string): Promise<void> {
    return this.text(`${text}\n`);
  }

  /** @throws OutputClosedError */
  text(text: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.stream.write(text, (error?: Error | null) => {
        if (error === undefined || error === null) resolve();
        else if (!CLOSED.includes((error as NodeJS.ErrnoException).code ?? '')) reject(error);
        else reject(new OutputClosedError('stdout is closed', { cause: error }));
      });
    });
  }
}

/** Short, for humans: 1500 is `1.5s`, null is a dash. */
export function spanOf(ms: number | null): string {
  if (ms === null) return '-';
  const [unit, length] = Object.entries(UNITS).findLast(([, length]) => ms >= length) ?? ['ms', 1];
  return `${Math.floor((ms / length) * 10) / 10}${unit}`;
}
