import type { Terminal } from './command.js';
import { spanOf } from './output.js';

const WIDTH = 24;
const REDRAW_INTERVAL_MS = 100;

/** Progress of long work, drawn only on a terminal. */
export class ProgressBar {
  #title = '';
  #total = 0;
  #done = 0;
  #startedAt = 0;
  #drawnAt = 0;

  constructor(private readonly terminal: Terminal) {}

  begin(title: string, total: number): void {
    this.#title = title;
    this.#total = total;
    this.#done = 0;
    this.#startedAt = performance.now();
    this.#draw();
  }

  add(count: number): void {
    this.#done += count;
    if (performance.now() - this.#drawnAt >= REDRAW_INTERVAL_MS) this.#draw();
  }

  get done(): number {
    return this.#done;
  }

  /** Per second since begin(). */
  get rate(): number {
    return Math.round(this.#done / Math.max(0.001, (performance.now() - this.#startedAt) / 1000));
  }

  clear(): void {
    this.terminal.status?.('');
  }

  #draw(): void {
    this.#drawnAt = performance.now();
    this.terminal.status?.(barOf(this.#title, this.#done, this.#total, this.rate));
  }
}

export function barOf(title: string, done: number, total: number, rate: number): string {
  const name = title.padEnd(10);
  const speed = `${rate}/s`;
  if (total === 0) return `${name}${done}  ${speed}`;
  // Records that arrive meanwhile can make `done` exceed `total`.
  const part = Math.min(1, done / total);
  const filled = Math.round(part * WIDTH);
  const left = rate === 0 ? null : (Math.max(0, total - done) / rate) * 1000;
  const bar = `${'='.repeat(filled)}${' '.repeat(WIDTH - filled)}`;
  return `${name}[${bar}] ${Math.floor(part * 100)} %  ${done} of ${total}  ${speed}  ${spanOf(left)} left`;
}
