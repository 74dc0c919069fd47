import { Random } from '../contract/fuzz/random.js';

/** Engine of a run: replicas on Redis with their fallback, the embedded engine, or the embedded engine that moves to Redis. */
export type EngineKind = 'redis' | 'embedded' | 'attach';

export interface Settings {
  readonly engine: EngineKind;
  readonly replicas: number;
  readonly timeoutMs: number;
  readonly connections: number;
  /** Time to live of a workflow whose writer names none. */
  readonly defaultTtlMs: number;
  /** Usual delay of a request and of a reply, on top of up to 2 ms. */
  readonly delayMs: number;
}

/** Kinds of steps of clients, by weight. */
const TRAFFIC = {
  write: 14,
  append: 12,
  create: 4,
  remove: 3,
  touch: 3,
  read: 6,
  retry: 5,
  enqueue: 6,
  claim: 7,
  reclaim: 5,
  'give-back': 5,
  complete: 6,
  step: 5,
  publish: 4,
  feed: 6,
  confirm: 2,
  pause: 1,
  pass: 10,
};

/** Kinds of faults, by weight. A seed has some of them. */
const FAULTS = {
  away: 5,
  slow: 3,
  late: 3,
  withhold: 3,
  refuse: 2,
  replicate: 8,
  failover: 4,
  'half-failover': 2,
  restart: 2,
  wipe: 0.5,
  'server-clock': 1,
  'replica-clock': 1,
  crash: 3,
  'full-disk': 2,
  minutes: 3,
  day: 0.7,
};

const ALWAYS: readonly string[] = ['away', 'replicate', 'minutes'];
const FAULT_CHANCE = 0.55;

export type StepKind = keyof typeof TRAFFIC | keyof typeof FAULTS | 'attach';
export const STEP_KINDS = [...Object.keys(TRAFFIC), ...Object.keys(FAULTS), 'attach'] as StepKind[];

/** A step has a seed of its own, so that a plan without another step does the same in this one. */
export interface Step {
  readonly n: number;
  readonly kind: StepKind;
  readonly seed: number;
}

export interface Plan {
  readonly seed: number;
  readonly settings: Settings;
  readonly steps: readonly Step[];
}

export interface PlanOptions {
  readonly steps: number;
  readonly without: readonly string[];
  readonly engine: EngineKind | undefined;
}

export function planOf(seed: number, { steps, without, engine }: PlanOptions): Plan {
  const random = new Random(seed);
  const drawn = random.weighted<EngineKind>({ redis: 12, embedded: 3, attach: 2 });
  const settings: Settings = {
    engine: engine ?? drawn,
    replicas: 2 + random.below(2),
    timeoutMs: random.pick([1000, 2000, 2000, 5000, 60_000]),
    connections: 1 + random.below(3),
    defaultTtlMs: random.pick([10_000, 3_600_000, 86_400_000, 7 * 86_400_000]),
    delayMs: random.pick([0, 0, 2, 20]),
  };
  const faults = Object.entries(FAULTS).filter(([kind]) => random.chance(FAULT_CHANCE) || ALWAYS.includes(kind));
  const weights = Object.fromEntries([...Object.entries(TRAFFIC), ...faults]) as Record<StepKind, number>;
  const all = Array.from({ length: steps }, (_, n): Step => {
    return { n, kind: random.weighted(weights), seed: random.below(2 ** 30) };
  });
  if (settings.engine === 'attach') {
    const n = Math.floor(steps * (0.2 + random.below(50) / 100));
    all[n] = { n, kind: 'attach', seed: random.below(2 ** 30) };
  }
  return { seed, settings, steps: all.filter(({ kind }) => !without.includes(kind)) };
}
