import { createHash } from 'node:crypto';
import { CharacterTurns } from '../character-turns.js';
import { versionNameOf, type VersionName } from '../records/workflow-meta.js';
import { boardStamp } from './stamp.js';
import type { Moved, MovedTask, MovedVersion } from './moved.js';

/**
 * Digest of a whole record, the same in every store. Equal digests mean equal records, byte for byte.
 * A history may have many megabytes of states, so they are divided among turns of the event loop.
 */
export async function digestOf(record: Moved): Promise<string> {
  return digest(JSON.stringify(await canonical(record)));
}

async function canonical(record: Moved): Promise<readonly unknown[]> {
  switch (record.kind) {
    case 'workflow': {
      const { id, incarnation, createdAtMs, updatedAtMs, deadlineMs, ttlMs, history } = record;
      const meta = [id, incarnation, nameOf(record), createdAtMs, updatedAtMs, deadlineMs, ttlMs];
      const turns = new CharacterTurns();
      const earlier: unknown[] = [];
      for (const one of history) {
        await turns.spend(one.state.length);
        earlier.push([nameOf(one), one.updatedAtMs, one.deadlineMs, ...contentOf(one)]);
      }
      return ['workflow', ...meta, ...contentOf(record), earlier];
    }
    case 'task':
      return ofTask(record);
    case 'queue':
      return ['queue', record.id, record.isPaused];
    case 'board':
      return ['board', record.id, boardStamp(record)];
  }
}

/** The number alone without a check, as before there were checks. */
function nameOf(one: VersionName): string | number {
  return one.check === '' ? one.version : versionNameOf(one);
}

/** Fields are sorted by name, so that every engine has the same order. */
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

function contentOf({ about, state }: MovedVersion): readonly unknown[] {
  const { by, cause, note = null, taskId = null, changed } = about;
  return [[by, cause, note, taskId, changed], digest(state)];
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('base64url');
}
