import type { Moving } from '../engine/moving/moving.js';
import { newRound, Sync, type Round, type SyncParts } from './sync.js';
import { workflowsOf } from './pairs.js';

export type Phase = 'count' | 'copy' | 'catch-up' | 'verify';

export interface MigrateParts extends SyncParts {
  /** Called when a phase begins; `total` is the approximate number of records. */
  readonly onPhase: (phase: Phase, total: number) => void;
}

/** `counts` are the outcomes of the first round. */
export interface Migrated extends Readonly<Omit<Round, 'changes'>> {
  /** Number of changes that were made at the source during the migration and copied. */
  readonly caughtUp: number;
  readonly workflows: number;
}

const MAX_ROUNDS = 100;
/**
 * Catching up stops when a round has more than this share of the changes of the round before: the source is written
 * continuously.
 */
const MIN_SHRINKAGE = 0.7;

/** Copies everything from one store to another, including changes made meanwhile, and finally compares digests of both. */
export async function migrate(parts: MigrateParts): Promise<Migrated> {
  const { from, isDryRun = false, onPhase } = parts;
  const sync = new Sync(parts);
  onPhase('count', 0);
  const workflows = await countWorkflows(from);
  onPhase('copy', workflows);
  const copied = await sync.round();
  if (isDryRun) return migratedOf(copied, 0, { ...newRound(), damaged: copied.damaged }, workflows);

  let caughtUp = 0;
  for (let round = 0, last = Number.POSITIVE_INFINITY; round < MAX_ROUNDS; round++) {
    onPhase('catch-up', workflows);
    const { changes } = await sync.round();
    caughtUp += changes;
    if (changes === 0 || (round > 0 && changes > MIN_SHRINKAGE * last)) break;
    last = changes;
  }
  onPhase('verify', workflows);
  const verified = await sync.round({ verify: true });
  return migratedOf(copied, caughtUp + verified.changes, verified, workflows);
}

function migratedOf(
  copied: Round,
  caughtUp: number,
  { counts, verified, different, damaged }: Round,
  workflows: number,
): Migrated {
  // Each round counts the same conflicts again, so the greater number counts and not the sum.
  const conflict = Math.max(copied.counts.conflict, counts.conflict);
  return { counts: { ...copied.counts, conflict }, caughtUp, verified, different, damaged, workflows };
}

async function countWorkflows(from: Moving): Promise<number> {
  let count = 0;
  for (const tenant of await from.listTenants()) for await (const _ of workflowsOf(from, tenant)) count++;
  return count;
}

/** Number of all records, about. `counted` is called as it goes on. */
export async function countRecords(from: Moving, counted: (count: number) => void): Promise<number> {
  let count = 0;
  const add = (more: number) => {
    count += more;
    counted(more);
  };
  for (const tenant of await from.listTenants()) {
    for await (const _ of workflowsOf(from, tenant)) add(1);
    for await (const tasks of from.listTasks(tenant)) add(tasks.length);
  }
  return count;
}
