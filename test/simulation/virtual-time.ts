import { AsyncLocalStorage } from 'node:async_hooks';
import { Random } from '../contract/fuzz/random.js';
import { EventQueue, type Event } from './event-queue.js';

/** Process that runs code: it has a clock of its own, and its timers end when it dies. */
export interface Context {
  readonly name: string;
  skewMs: number;
  isDead: boolean;
}

const { setTimeout, setImmediate, setInterval, clearTimeout, clearImmediate, clearInterval, Date, performance } =
  globalThis;
const { random } = Math;
/** 2100: the real clock of the server stays far behind, so no key ends by it. */
const START_MS = Date.UTC(2100, 0, 1);

const contexts = new AsyncLocalStorage<Context>();
let current: VirtualTime | undefined;

/** From now on, all code of this process lives in this time; undefined ends it. */
export function liveIn(time: VirtualTime | undefined): void {
  current = time;
}

/** Time that passes from event to event. All timers, and all bytes on the way, wait in one queue. */
export class VirtualTime {
  now = 0;
  readonly random: Random;
  readonly #events = new EventQueue<Context>();

  constructor(seed: number) {
    this.random = new Random(seed);
  }

  /** True time. */
  get trueMs(): number {
    return START_MS + this.now;
  }

  /** Time by the clock of the process that asks. */
  get wallMs(): number {
    return this.trueMs + (contexts.getStore()?.skewMs ?? 0);
  }

  in<T>(context: Context, run: () => T): T {
    return contexts.run(context, run);
  }

  /** Runs code that belongs to no process. */
  outside<T>(run: () => T): T {
    return contexts.exit(run);
  }

  /** A promise that `run` returns is real work with the server: nothing else happens until it ends. */
  after(
    ms: number,
    run: () => void | Promise<void>,
    context: Context | undefined = contexts.getStore(),
  ): Event<Context> {
    return this.#events.add(this.now + Math.max(0, ms), run, context);
  }

  /** Lets time pass, until `isOver` at the latest. */
  async pass(ms: number, isOver: () => boolean = () => false): Promise<void> {
    const until = this.now + ms;
    for (;;) {
      // All promises that can settle do so before the next event.
      await new Promise<void>((resolve) => void setImmediate(resolve));
      if (isOver()) return;
      const next = this.#events.takeUntil(until);
      if (next === undefined) break;
      const { run, context } = next;
      if (run === undefined || context?.isDead === true) continue;
      this.now = Math.max(this.now, next.dueMs);
      await (context === undefined ? contexts.exit(run) : contexts.run(context, run));
    }
    this.now = until;
  }

  /** As if the machine had slept: what was due meanwhile happens late, once. */
  jump(ms: number): void {
    this.now += ms;
  }
}

class Timer {
  event: Event<Context> | undefined;
  ref = () => this;
  unref = () => this;
  hasRef = () => true;
}

type Run = (...args: unknown[]) => void;
type Functions = Record<string, (...args: unknown[]) => unknown>;
const whole = (ms: unknown): number => Math.max(1, Math.trunc(Number(ms) || 1));

function later(time: VirtualTime, ms: number, run: Run, args: unknown[], repeats: boolean, timer = new Timer()): Timer {
  timer.event = time.after(ms, () => {
    if (repeats) later(time, ms, run, args, true, timer);
    // The promise of a callback is not work with the server, so it is not awaited.
    void run(...args);
  });
  return timer;
}

const stop = (real: (timer: never) => void) => (timer: unknown) => {
  if (!(timer instanceof Timer)) real(timer as never);
  else if (timer.event !== undefined) timer.event.run = undefined;
};

class VirtualDate extends Date {
  constructor(...args: []) {
    super(...((args.length === 0 && current !== undefined ? [current.wallMs] : args) as []));
  }

  static override now = (): number => current?.wallMs ?? Date.now();
}

function hex(bytes: number): string {
  const { random: source } = current as VirtualTime;
  return Array.from({ length: bytes }, () => source.below(256).toString(16).padStart(2, '0')).join('');
}

/**
 * Puts virtual time, and random numbers of the seed, behind the globals and the modules of Node. Outside of a run all is real.
 * Runs before any module of the product is loaded.
 */
function patch(): void {
  const time = () => current;
  Object.assign(globalThis, {
    setTimeout: (run: Run, ms?: number, ...args: unknown[]) => {
      const virtual = time();
      return virtual ? later(virtual, whole(ms), run, args, false) : setTimeout(run, ms, ...args);
    },
    setInterval: (run: Run, ms?: number, ...args: unknown[]) => {
      const virtual = time();
      return virtual ? later(virtual, whole(ms), run, args, true) : setInterval(run, ms, ...args);
    },
    setImmediate: (run: Run, ...args: unknown[]) => {
      const virtual = time();
      return virtual ? later(virtual, 0, run, args, false) : setImmediate(run, ...args);
    },
    clearTimeout: stop(clearTimeout),
    clearInterval: stop(clearInterval),
    clearImmediate: stop(clearImmediate),
    Date: VirtualDate,
  });
  Object.defineProperty(globalThis, 'performance', {
    configurable: true,
    value: { now: () => time()?.now ?? performance.now() },
  });
  Math.random = () => (current ? current.random.below(2 ** 30) / 2 ** 30 : random());
  const promises = process.getBuiltinModule('node:timers/promises') as unknown as Functions;
  const crypto = process.getBuiltinModule('node:crypto') as unknown as Functions;
  const real = { ...promises, ...crypto } as Functions;
  const wait = (virtual: VirtualTime, ms: number, value: unknown) =>
    new Promise((resolve) => void virtual.after(ms, () => resolve(value)));
  promises['setTimeout'] = (ms, value, options) =>
    current ? wait(current, whole(ms), value) : real['setTimeout']?.(ms, value, options);
  promises['setImmediate'] = (value) => (current ? wait(current, 0, value) : real['setImmediate']?.(value));
  crypto['randomUUID'] = () => (current ? [4, 2, 2, 2, 6].map(hex).join('-') : real['randomUUID']?.());
  crypto['randomBytes'] = (count) => (current ? Buffer.from(hex(Number(count)), 'hex') : real['randomBytes']?.(count));
  // Named imports of these modules follow.
  (process.getBuiltinModule('node:module') as { syncBuiltinESMExports(): void }).syncBuiltinESMExports();
}

patch();
