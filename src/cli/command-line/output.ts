/** Whoever read our output has had enough: no failure, but a reason to end. */
export class OutputClosedError extends Error {
  override readonly name = 'OutputClosedError';
}

/** Data goes to stdout and is waited for, so that a slow reader slows us down and a gone one is noticed. */
export class Output {
  constructor(private readonly stream: NodeJS.WritableStream) {
    // Each write hears of its own failure; without a listener the process would die of it.
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
        else reject(isClosed(error) ? new OutputClosedError('Nobody reads our output', { cause: error }) : error);
      });
    });
  }
}

const CLOSED = ['EPIPE', 'ERR_STREAM_DESTROYED', 'ECONNRESET'];

function isClosed(error: NodeJS.ErrnoException): boolean {
  return CLOSED.includes(error.code ?? '');
}
