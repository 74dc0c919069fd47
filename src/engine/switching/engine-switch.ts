import type { Engine } from '../engine.js';
import { withTimeout } from '../with-timeout.js';
import { FrontEngine } from './front-engine.js';
import { Gate } from './gate.js';

/** An engine with its lifecycle. */
export interface ServingEngine {
  readonly engine: Engine;
  start(): void | Promise<void>;
  /** Closes the engine and the connections it owns. */
  close(): Promise<void>;
}

/** For an engine that owns no connections. */
export function servingBy(engine: Engine & Pick<ServingEngine, 'start' | 'close'>): ServingEngine {
  return { engine, start: () => engine.start(), close: () => engine.close() };
}

/** Exchanges the engine while the service runs. The service holds `front`, whose calls wait during an exchange. */
export class EngineSwitch {
  readonly front: Engine;
  readonly #gate = new Gate();
  readonly #forwarding: FrontEngine;
  #current: ServingEngine;
  #closed: Promise<void> | undefined;

  constructor(current: ServingEngine) {
    this.#current = current;
    this.#forwarding = new FrontEngine(this.#gate, () => this.#current.engine);
    // An engine in Redis is never exchanged, so its calls need no gate.
    this.front = current.engine.storage === 'memory' ? this.#forwarding : current.engine;
  }

  get current(): Engine {
    return this.#current.engine;
  }

  async start(): Promise<void> {
    await this.#current.start();
  }

  /** Closes once, however often it is called. */
  close(): Promise<void> {
    return (this.#closed ??= this.#current.close());
  }

  /**
   * Holds all calls, runs `last` and `commit`, and then lets the calls go on with the engine `next`.
   * If `last` fails or takes longer than `withinMs`, the calls go on with the old engine. `commit` is the point of no
   * return and must not fail half-way.
   * Returns the old engine.
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
      this.#forwarding.listenAgain();
      return before;
    } finally {
      this.#gate.open();
    }
  }
}
