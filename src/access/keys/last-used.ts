import { randomUUID } from 'node:crypto';
import { RETRY_WINDOW_MS } from '../../engine/commit.js';
import type { Engine } from '../../engine/engine.js';
import { MAX_BOARD_NOTICES } from '../../engine/limits.js';

const BOARD = 'keys:used';
const MINUTE_MS = 60_000;
const KEPT_MS = 400 * 24 * 60 * MINUTE_MS;

/** Times of the last use of keys, to the minute. Written in the background, for all keys of a tenant in one commit. */
export class LastUsed {
  /** Minutes that are not written yet, by home and key. */
  #waiting = new Map<string, Map<string, number>>();
  readonly #timer: NodeJS.Timeout;

  constructor(
    private readonly engine: Engine,
    everyMs = MINUTE_MS,
  ) {
    this.#timer = setInterval(() => void this.flush(), everyMs).unref();
  }

  note(home: string, keyId: string, nowMs: number): void {
    let keys = this.#waiting.get(home);
    if (keys === undefined) this.#waiting.set(home, (keys = new Map()));
    // A board keeps this many notices, so more need not wait while the store is away.
    if (keys.size < MAX_BOARD_NOTICES || keys.has(keyId)) keys.set(keyId, nowMs - (nowMs % MINUTE_MS));
  }

  /** Times by key, including those of this replica that are not written yet. */
  async read(home: string): Promise<ReadonlyMap<string, number>> {
    const { notices } = await this.engine.readBoard(home, BOARD);
    const used = new Map(notices.map(({ name, text }) => [name, Number(text)]));
    for (const [id, atMs] of this.#waiting.get(home) ?? []) used.set(id, Math.max(atMs, used.get(id) ?? 0));
    return used;
  }

  /** Writes the times; those that cannot be written wait for the next flush. */
  async flush(): Promise<void> {
    const waiting = this.#waiting;
    this.#waiting = new Map();
    for (const [home, keys] of waiting) {
      const notices = [...keys].map(([name, atMs]) => ({ name, text: String(atMs), keepMs: KEPT_MS }));
      const once = { key: randomUUID(), fingerprint: '', keepMs: RETRY_WINDOW_MS };
      try {
        await this.engine.commit(home, { once, board: { board: BOARD, notices } });
      } catch {
        // The engine logs and counts the outage.
        for (const [id, atMs] of keys) if (this.#waiting.get(home)?.has(id) !== true) this.note(home, id, atMs);
      }
    }
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.flush();
  }
}
