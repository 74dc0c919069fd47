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
        else reject(isClosed(error) ? new OutputClosedError('stdout is closed', { cause: error }) : error);
      });
    });
  }
}

const CLOSED = ['EPIPE', 'ERR_STREAM_DESTROYED', 'ECONNRESET'];

function isClosed(error: NodeJS.ErrnoException): boolean {
  return CLOSED.includes(error.code ?? '');
}

const UNITS = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1000],
] as const;

/** Short, for humans: 1500 is `1.5s`, null is a dash. */
export function spanOf(ms: number | null): string {
  if (ms === null) return '-';
  const [unit, length] = UNITS.find(([, length]) => ms >= length) ?? ['ms', 1];
  return `${Math.floor((ms / length) * 10) / 10}${unit}`;
}
