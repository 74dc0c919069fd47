import { Session } from 'node:inspector/promises';

/**
 * Counts the blocks of code of `src/<room>` that `run` executes: a measure of work that does not depend on the machine. Functions
 * that ran before `start` are not counted, because V8 adds its counters when it compiles a function.
 */
export class StepCounter {
  readonly #session = new Session();

  constructor(private readonly room: string) {}

  async start(): Promise<void> {
    this.#session.connect();
    await this.#session.post('Profiler.enable');
    await this.#session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
  }

  stop(): void {
    this.#session.disconnect();
  }

  async count(run: () => unknown): Promise<number> {
    await this.#session.post('Profiler.takePreciseCoverage');
    await run();
    const { result } = await this.#session.post('Profiler.takePreciseCoverage');
    return result
      .filter(({ url }) => url.includes(`/src/${this.room}/`))
      .flatMap(({ functions }) => functions.flatMap(({ ranges }) => ranges))
      .reduce((sum, { count }) => sum + count, 0);
  }
}
