import { Logger } from '@nestjs/common';

/** Time for which the loss is reported in /health. */
const REPORTED_MS = 24 * 3_600_000;

/**
 * Notices that Redis has lost its data, by FLUSHALL or a restart with an empty disk. Redis then answers as before: every
 * workflow is "not found". The random name of the data shows the loss, since it is lost too.
 */
export class LostData {
  readonly #logger = new Logger('Redis');
  #name: string | undefined;
  #lostAt = -Infinity;
  #lostOn = '';

  constructor(private readonly now: () => number = () => performance.now()) {}

  /** Takes the present name of the data. */
  saw(name: string): void {
    if (this.#name !== undefined && this.#name !== name) {
      this.#lostAt = this.now();
      this.#lostOn = new Date().toISOString();
      this.#logger.error(
        'Redis has lost its data: workflows, tasks, keys and tenants that it had are gone. It was emptied, restarted without its files, or replaced by another Redis',
      );
    }
    this.#name = name;
  }

  warnings(): readonly string[] {
    if (this.now() - this.#lostAt >= REPORTED_MS) return [];
    return [`Redis has lost its data, noticed at ${this.#lostOn}: restore a backup, or create again what was lost`];
  }
}
