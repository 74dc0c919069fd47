/** Who wants to know when a workflow changes. */
export class Listeners {
  readonly #byWorkflow = new Map<string, Set<() => void>>();

  add(tenant: string, id: string, listener: () => void): () => void {
    const key = keyOf(tenant, id);
    const listeners = this.#byWorkflow.get(key) ?? new Set();
    this.#byWorkflow.set(key, listeners.add(listener));
    return () => {
      listeners.delete(listener);
      if (listeners.size === 0 && this.#byWorkflow.get(key) === listeners) this.#byWorkflow.delete(key);
    };
  }

  /** In a turn of its own, so that no listener runs inside somebody's commit. */
  tell(tenant: string, id: string): void {
    const listeners = this.#byWorkflow.get(keyOf(tenant, id));
    if (listeners !== undefined) setImmediate(() => listeners.forEach((listener) => listener()));
  }
}

/** NUL is in no tenant name and in no id. */
function keyOf(tenant: string, id: string): string {
  return `${tenant}\0${id}`;
}
