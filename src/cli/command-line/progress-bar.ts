import type { Terminal } from './command.js';
import { spanOf } from './output.js';

const WIDTH = 24;
const REDRAW_INTERVAL_MS = 100;
/** Without a terminal a line is printed as often as this, so that the log of a job shows that it goes on. */
const LINE_INTERVAL_MS = 30_000;
const KIBIBYTE = 1024;

export type Unit = 'records' | 'bytes';

export interface ProgressOptions {
  /** Prints nothing. */
  readonly isQuiet?: boolean;
  readonly clock?: () => number;
}

/** Progress of long work on stderr: one line that is drawn again on a terminal, else a line now and then. */
export class ProgressBar {
  readonly #clock: () => number;
  readonly #isQuiet: boolean;
  #title = '';
  #unit: Unit = 'records';
  #total = 0;
  #done = 0;
  #startedAt = 0;
  #drawnAt = 0;

  constructor(
    private readonly terminal: Terminal,
    { isQuiet = false, clock = () => performance.now() }: ProgressOptions = {},
  ) {
    this.#clock = clock;
    this.#isQuiet = isQuiet;
  }

  /** `total` is 0 if it is not known. */
  begin(title: string, total: number, unit: Unit = 'records'): void {
    this.#title = title;
    this.#unit = unit;
    this.#total = total;
    this.#done = 0;
    this.#startedAt = this.#clock();
    this.#drawnAt = this.#startedAt;
    if (!this.#isQuiet) this.terminal.status?.(this.#text());
  }

  add(count: number): void {
    this.#done += count;
    if (this.#isQuiet) return;
    const { status, note } = this.terminal;
    const isDue = this.#clock() - this.#drawnAt >= (status === undefined ? LINE_INTERVAL_MS : REDRAW_INTERVAL_MS);
    if (!isDue) return;
    this.#drawnAt = this.#clock();
    if (status === undefined) note(lineOf(this.#title, this.#done, this.#total, this.rate, this.#unit));
    else status(this.#text());
  }

  get done(): number {
    return this.#done;
  }

  /** Per second since begin(). */
  get rate(): number {
    return Math.round(this.#done / Math.max(0.001, (this.#clock() - this.#startedAt) / 1000));
  }

  clear(): void {
    if (!this.#isQuiet) this.terminal.status?.('');
  }

  #text(): string {
    return barOf(this.#title, this.#done, this.#total, this.rate, this.#unit);
  }
}

export function barOf(title: string, done: number, total: number, rate: number, unit: Unit = 'records'): string {
  const name = title.padEnd(10);
  const speed = `${amountOf(rate, unit)}/s`;
  if (total === 0) return `${name}${amountOf(done, unit)}  ${speed}`;
  const filled = Math.round(partOf(done, total) * WIDTH);
  const bar = `${'='.repeat(filled)}${' '.repeat(WIDTH - filled)}`;
  const how = `${amountOf(done, unit)} of ${amountOf(total, unit)}`;
  return `${name}[${bar}] ${percentOf(done, total)} %  ${how}  ${speed}  ${leftOf(done, total, rate)} left`;
}

/** The same for a log. */
function lineOf(title: string, done: number, total: number, rate: number, unit: Unit): string {
  const speed = `${amountOf(rate, unit)}/s`;
  if (total === 0) return `${title}: ${amountOf(done, unit)}, ${speed}`;
  const how = `${amountOf(done, unit)} of ${amountOf(total, unit)} (${percentOf(done, total)} %)`;
  return `${title}: ${how}, ${speed}, ${leftOf(done, total, rate)} left`;
}

/** Records that arrive meanwhile can make `done` exceed `total`. */
function partOf(done: number, total: number): number {
  return Math.min(1, done / total);
}

function percentOf(done: number, total: number): number {
  return Math.floor(partOf(done, total) * 100);
}

function leftOf(done: number, total: number, rate: number): string {
  return spanOf(rate === 0 ? null : (Math.max(0, total - done) / rate) * 1000);
}

function amountOf(count: number, unit: Unit): string {
  if (unit === 'records') return String(count);
  let [amount, name] = [count, 'B'];
  for (const next of ['KiB', 'MiB', 'GiB', 'TiB']) if (amount >= KIBIBYTE) [amount, name] = [amount / KIBIBYTE, next];
  return `${name === 'B' ? amount : amount.toFixed(1)} ${name}`;
}
