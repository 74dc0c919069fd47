/** One thing that will happen. Without `run` it was cancelled. */
export interface Event<Context> {
  readonly dueMs: number;
  readonly order: number;
  readonly context: Context | undefined;
  run: (() => void | Promise<void>) | undefined;
}

/** Events by their time; those of one time in the order in which they were added. A binary heap. */
export class EventQueue<Context = never> {
  readonly #heap: Event<Context>[] = [];
  #added = 0;

  add(dueMs: number, run: () => void | Promise<void>, context: Context | undefined): Event<Context> {
    const event = { dueMs, order: this.#added++, context, run };
    const heap = this.#heap;
    let at = heap.push(event) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (isBefore(heap[parent], event)) break;
      heap[at] = heap[parent] as Event<Context>;
      at = parent;
    }
    heap[at] = event;
    return event;
  }

  /** Removes the next event that is due by `untilMs`. */
  takeUntil(untilMs: number): Event<Context> | undefined {
    const heap = this.#heap;
    const [first] = heap;
    if (first === undefined || first.dueMs > untilMs) return undefined;
    const last = heap.pop() as Event<Context>;
    if (heap.length === 0) return first;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1], heap[child] as Event<Context>)) child++;
      if (isBefore(last, heap[child] as Event<Context>)) break;
      heap[at] = heap[child] as Event<Context>;
      at = child;
    }
    heap[at] = last;
    return first;
  }
}

function isBefore(one: { dueMs: number; order: number } | undefined, other: { dueMs: number; order: number }): boolean {
  if (one === undefined) return false;
  return one.dueMs < other.dueMs || (one.dueMs === other.dueMs && one.order < other.order);
}
