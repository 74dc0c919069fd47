import { createHash } from 'node:crypto';
import type { About } from '../records/workflow-meta.js';
import type { Moved, MovedTask, MovedWorkflow } from './moved.js';

/** Of everything that a record is, whichever store it was read from: two that are equal are the same, byte for byte. */
export function digestOf(record: Moved): string {
  return digest(JSON.stringify(canonical(record)));
}

function canonical(record: Moved): readonly unknown[] {
  switch (record.kind) {
    case 'workflow':
      return ofWorkflow(record);
    case 'task':
      return ofTask(record);
    case 'queue':
      return ['queue', record.id, record.isPaused];
  }
}

function ofWorkflow(record: MovedWorkflow): readonly unknown[] {
  const { id, incarnation, version, createdAtMs, updatedAtMs, deadlineMs, ttlMs, about, state, history } = record;
  const versions = history.map((earlier) => [
    earlier.version,
    earlier.updatedAtMs,
    earlier.deadlineMs,
    ofAbout(earlier.about),
    digest(earlier.state),
  ]);
  const meta = [incarnation, version, createdAtMs, updatedAtMs, deadlineMs, ttlMs];
  return ['workflow', id, ...meta, ofAbout(about), digest(state), versions];
}

/** By their names, in one order whichever engine made the object. */
function ofTask({ kind, payload, result, failures, events, ...fields }: MovedTask): readonly unknown[] {
  return [
    kind,
    Object.entries(fields).sort(([a], [b]) => (a < b ? -1 : 1)),
    payload === null ? null : digest(payload),
    result === null ? null : digest(result),
    failures.map(({ code, message, attempt, atMs }) => [code, message, attempt, atMs]),
    events.map(({ id, atMs, event }) => [id, atMs, digest(event)]),
  ];
}

function ofAbout({ by, cause, note, taskId, changed }: About): readonly unknown[] {
  return [by, cause, note ?? null, taskId ?? null, changed];
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('base64url');
}
