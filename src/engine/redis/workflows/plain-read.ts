import { digestOf } from '../../records/check.js';
import type { WorkflowRecord } from '../../records/workflow-meta.js';
import type { RedisCommands } from '../connection/drivers/redis-driver.js';
import { unpackMeta } from './packed-meta.js';

/** A key expires by this much later or earlier than its deadline, where the numbers of a script were rounded. */
const EXPIRY_SLACK_MS = 1;
/** PEXPIRETIME: the key is absent; it never expires. */
const ABSENT = -2;
const NEVER = -1;

/**
 * Reads a workflow with two plain commands, which cost Redis much less than a script. State and meta are of one moment;
 * the expiry is that of a moment later. 'absent': there is no such key. 'unusual': the script must look, since another
 * program may have written the value, or it is over, or changes just now; see load in workflows.lua. `now`: the time of
 * the store, if it is not that of the server. 'unknown': the server or the
 * driver has not the commands.
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
