import { digestOf } from '../../records/check.js';
import type { WorkflowRecord } from '../../records/workflow-meta.js';
import type { RedisCommands } from '../connection/drivers/redis-driver.js';
import { unpackMeta } from './packed-meta.js';

/** Largest difference between the expiry of a key and the deadline in its meta. */
const EXPIRY_SLACK_MS = 1;
/** Reply of PEXPIRETIME for a key that is absent. */
const ABSENT = -2;
/** Reply of PEXPIRETIME for a key that never expires. */
const NEVER = -1;

/**
 * Reads a workflow with two plain commands, which cost Redis much less than a script. MGET reads state and meta at one
 * moment, and PEXPIRETIME the expiry a moment later. `now`: time of the store that a test gives; 0 for that of the server.
 * Returns 'absent' if there is no state; 'unknown' if the server or the driver lacks a command; 'unusual' if the expiry,
 * the length or the digest does not fit the meta: another program may have written the state. Then find.lua decides.
 */
export async function readPlainly(
  client: RedisCommands,
  id: string,
  key: string,
  metaKey: string,
  now: number,
): Promise<WorkflowRecord | 'absent' | 'unusual' | 'unknown'> {
  if (client.isCluster || client.mgetBuffer === undefined || client.pexpiretime === undefined) return 'unknown';
  const [values, expires] = await Promise.all([
    client.mgetBuffer(key, metaKey),
    client.pexpiretime(key).catch(unlessUnknown),
  ]);
  if (expires === undefined) return 'unknown';
  const [bytes, packed] = values;
  if (!bytes) return expires === ABSENT ? 'absent' : 'unusual';
  const meta = packed ? unpackMeta(packed) : undefined;
  if (meta === undefined || meta.bytes !== bytes.length || !isDeadline(expires, meta.deadline)) return 'unusual';
  if (meta.deadline !== false && meta.deadline <= now) return 'unusual';
  if (meta.digest !== false && meta.digest !== digestOf(bytes)) return 'unusual';
  return {
    id,
    incarnation: meta.inc,
    version: meta.version,
    check: meta.check === false ? '' : meta.check,
    createdAtMs: meta.created,
    updatedAtMs: meta.updated,
    deadlineMs: meta.deadline === false ? null : meta.deadline,
    state: bytes.toString(),
  };
}

function isDeadline(expires: number, deadline: number | false): boolean {
  return deadline === false ? expires === NEVER : Math.abs(expires - deadline) <= EXPIRY_SLACK_MS;
}

/** Redis 6.2 has no PEXPIRETIME. */
function unlessUnknown(error: unknown): undefined {
  if (!(error instanceof Error && /unknown command/i.test(error.message))) throw error;
  return undefined;
}
