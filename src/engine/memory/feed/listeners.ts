import type { Topic } from '../../engine.js';

/** Who wants to know when something changes. */
export class Listeners {
  readonly #byTopic = new Map<string, Set<() => void>>();

  add(tenant: string, topic: Topic, listener: () => void): () => void {
    const key = keyOf(tenant, topic);
    const listeners = this.#byTopic.get(key) ?? new Set();
    this.#byTopic.set(key, listeners.add(listener));
    return () => {
      listeners.delete(listener);
      if (listeners.size === 0 && this.#byTopic.get(key) === listeners) this.#byTopic.delete(key);
    };
  }

  /** In a turn of its own, so that no listener runs inside somebody's commit. */
  tell(tenant: string, topic: Topic): void {
    const listeners = this.#byTopic.get(keyOf(tenant, topic));
    if (listeners !== undefined) setImmediate(() => listeners.forEach((listener) => listener()));
  }
}

/** NUL is in no name. */
function keyOf(tenant: string, topic: Topic): string {
  return `${tenant}\0${topic}`;
}
