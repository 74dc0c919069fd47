import type { Moving } from '../engine/moving/moving.js';
import { newRound, Sync, type Outcome, type Round, type SyncParts } from './sync.js';
import { workflowsOf } from './pairs.js';

export type Phase = 'count' | 'copy' | 'catch-up' | 'verify';

export interface MigrateParts extends SyncParts {
  /** Called when a phase begins; `total` is how many records it will look at, about. */
  readonly onPhase: (phase: Phase, total: number) => void;
}

export interface Migrated {
  /** By what became of them when they were first met. */
  readonly counts: Record<Outcome, number>;
  /** Changes that were made at the source meanwhile and carried over. */
  readonly caughtUp: number;
  readonly verified: number;
  /** Names of the records that are not the same on both sides. */
  readonly different: readonly string[];
  readonly workflows: number;
}

const MOST_ROUNDS = 100;
/** A round of catching up that finds hardly less than the one before will not find less: the source is being written all the time. */
const SHRINKS = 0.7;

/** Everything from one store to the other, what is written meanwhile included, and at the end compared by digests of what both have. */
export async function migrate(parts: MigrateParts): Promise<Migrated> {
  const { from, isDryRun = false, onPhase } = parts;
  const sync = new Sync(parts);
  onPhase('count', 0);
  const workflows = await countWorkflows(from);
  onPhase('copy', workflows);
  const copied = await sync.round();
  if (isDryRun) return migratedOf(copied, 0, newRound(), workflows);

  let caughtUp = 0;
  for (let round = 0, last = Number.POSITIVE_INFINITY; round < MOST_ROUNDS; round++) {
    onPhase('catch-up', workflows);
    const { changes } = await sync.round();
    caughtUp += changes;
    if (changes === 0 || (round > 0 && changes > SHRINKS * last)) break;
    last = changes;
  }
  onPhase('verify', workflows);
  const verified = await sync.round({ verify: true });
  return migratedOf(copied, caughtUp + verified.changes, verified, workflows);
}

function migratedOf(copied: Round, caughtUp: number, verified: Round, workflows: number): Migrated {
  // A conflict is met again in every round; the last word counts.
  const conflict = Math.max(copied.counts.conflict, verified.counts.conflict);
  return {
    counts: { ...copied.counts, conflict },
    caughtUp,
    verified: verified.verified,
    different: verified.different,
    workflows,
  };
}

async function countWorkflows(from: Moving): Promise<number> {
  let count = 0;
  for (const tenant of await from.listTenants()) for await (const _ of workflowsOf(from, tenant)) count++;
  return count;
}
