import type { Engine, Topic } from '../engine.js';
import { withTimeout } from '../with-timeout.js';
import { Gate } from './gate.js';

/** An engine with what it needs to serve. */
export interface ServingEngine {
  readonly engine: Engine;
  start(): void | Promise<void>;
  /** The engine and what it stands on. */
  close(): Promise<void>;
}

/** An engine that stands on nothing else, or on what is closed elsewhere. */
export function servingBy(engine: Engine & Pick<ServingEngine, 'start' | 'close'>): ServingEngine {
  return { engine, start: () => engine.start(), close: () => engine.close() };
}

interface Listening {
  readonly tenant: string;
  readonly topic: Topic;
  readonly listener: () => void;
  stop: () => void;
}

/** What is answered at once and need not wait for a switch. All other methods of an engine are promises, and may. */
const AT_ONCE = new Set(['storage', 'storageSince', 'inspect']);
/** Parts of an engine with methods of their own. */
const PARTS = new Set(['tasks', 'moving']);

/**
 * Stands in front of an engine that may be exchanged for another one while it serves. `front` is what everybody else holds: while
 * the engines change places its calls wait, and those who listen for changes listen to the new one afterwards.
 */
export class EngineSwitch {
  readonly front: Engine;
  readonly #gate = new Gate();
  readonly #listening = new Set<Listening>();
  #current: ServingEngine;
  #closed: Promise<void> | undefined;

  constructor(current: ServingEngine) {
    this.#current = current;
    // An engine in Redis stays; it is not asked to pay for what never happens.
    const { engine } = current;
    this.front = engine.storage === 'memory' ? this.#forward(() => this.#current.engine) : engine;
  }

  get current(): Engine {
    return this.#current.engine;
  }

  async start(): Promise<void> {
    await this.#current.start();
  }

  /** Once, however often it is asked for. */
  close(): Promise<void> {
    return (this.#closed ??= this.#current.close());
  }

  /**
   * Lets all calls wait, does `last` and then lets them go on with `next`. When `last` fails, or all of it takes longer than `withinMs`, the
   * calls go on as before. `commit` is the point of no return; it must not fail half-way. Gives the engine that served until now.
   */
  async to(
    next: ServingEngine,
    { last, commit, withinMs }: { last: () => Promise<void>; commit: () => Promise<void>; withinMs: number },
  ): Promise<ServingEngine> {
    try {
      await withTimeout(this.#gate.close().then(last), withinMs, () => {
        throw new Error(`the last changes took longer than ${withinMs} ms`);
      });
      await commit();
      const before = this.#current;
      await next.start();
      this.#current = next;
      for (const listening of this.#listening) {
        listening.stop();
        listening.stop = next.engine.onChange(listening.tenant, listening.topic, listening.listener);
        // What changed in between went by unheard.
        listening.listener();
      }
      return before;
    } finally {
      this.#gate.open();
    }
  }

  #forward<T extends object>(target: () => T): T {
    const known = new Map<PropertyKey, unknown>();
    const forward = (name: PropertyKey): unknown => {
      const value = Reflect.get(target(), name) as unknown;
      if (PARTS.has(String(name))) return this.#forward(() => Reflect.get(target(), name) as object);
      if (name === 'onChange') return this.#onChange.bind(this);
      if (typeof value !== 'function') return undefined;
      if (AT_ONCE.has(String(name))) return (...args: unknown[]) => call(target(), name, args);
      return isStream(name)
        ? (...args: unknown[]) => call(target(), name, args)
        : (...args: unknown[]) => this.#gate.run(() => call(target(), name, args) as Promise<unknown>);
    };
    return new Proxy({} as T, {
      get: (_nothing, name) => {
        if (known.has(name)) return known.get(name);
        const forwarded = forward(name);
        if (forwarded === undefined) return Reflect.get(target(), name) as unknown;
        known.set(name, forwarded);
        return forwarded;
      },
    });
  }

  #onChange(tenant: string, topic: Topic, listener: () => void): () => void {
    const listening = { tenant, topic, listener, stop: this.#current.engine.onChange(tenant, topic, listener) };
    this.#listening.add(listening);
    return () => {
      this.#listening.delete(listening);
      listening.stop();
    };
  }
}

/** The one method that gives its answer piece by piece. */
function isStream(name: PropertyKey): boolean {
  return name === 'listTasks';
}

function call(target: object, name: PropertyKey, args: unknown[]): unknown {
  return Reflect.apply(Reflect.get(target, name) as (...args: unknown[]) => unknown, target, args);
}
