import type { Listener, Topic } from '../../engine.js';
import { tenantKey } from '../../tenant-key.js';

/** Callbacks by tenant and topic. */
export class Listeners {
  readonly #byTopic = new Map<string, Set<Listener>>();

  add(tenant: string, topic: Topic, listener: Listener): () => void {
    const key = tenantKey(tenant, topic);
    const listeners = this.#byTopic.get(key) ?? new Set();
    this.#byTopic.set(key, listeners.add(listener));
    return () => {
      listeners.delete(listener);
      if (listeners.size === 0 && this.#byTopic.get(key) === listeners) this.#byTopic.delete(key);
    };
  }

  /** Calls listeners in a turn of their own, never inside a commit. */
  notify(tenant: string, topic: Topic): void {
    const listeners = this.#byTopic.get(tenantKey(tenant, topic));
    if (listeners !== undefined) setImmediate(() => listeners.forEach((listener) => listener('changed')));
  }
}
