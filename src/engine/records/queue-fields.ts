/**
 * Totals of a queue since its first task; in the embedded engine since the start of the engine. Rates are computed from
 * them, but never the depth of a queue. Redis stores them by name.
 */
export const QUEUE_TOTALS = ['enqueued', 'claimed', 'completed', 'retried', 'died', 'cancelled'] as const;
export type QueueTotal = (typeof QUEUE_TOTALS)[number];

/** Totals that are also counted by minute. */
export const QUEUE_RATES = ['enqueued', 'completed'] as const satisfies readonly QueueTotal[];
export type QueueRate = (typeof QUEUE_RATES)[number];

interface Values {
  flag: boolean;
  count: number;
  time: number | null;
}

export const QUEUE_FIELDS = {
  isPaused: 'flag',
  ready: 'count',
  delayed: 'count',
  leased: 'count',
  dead: 'count',
  /** Bytes of headers and payloads of the open tasks, and of the dead ones. */
  bytes: 'count',
  deadBytes: 'count',
  oldestReadyAtMs: 'time',
  nextDueAtMs: 'time',
  nextLeaseEndsAtMs: 'time',
} as const satisfies Readonly<Record<string, keyof Values>>;
type QueueField = keyof typeof QUEUE_FIELDS;
export type QueueFields = { readonly [N in QueueField]: Values[(typeof QUEUE_FIELDS)[N]] };

/** Names of the values in a reply of queues.lua, in their order. */
export const QUEUE_REPLY = [
  ...(Object.keys(QUEUE_FIELDS) as QueueField[]),
  ...(['totals', 'minutes', 'workers', 'holders', 'nowMs'] as const),
];
