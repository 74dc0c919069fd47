import { intervalUs, NO_DEADLINE_MS, type Take, type Taken } from '../bucket.js';
import type { Claim } from '../task.js';
import { bucketKey } from './keys.js';
import { RedisScript } from './scripts/redis-script.js';
import { listOf, numberOf, textOf } from './scripts/reply.js';
import type { ScriptReader } from './scripts/script-reader.js';

const takeScript = new RedisScript(['own-keys', 'bucket'], 'take');

/**
 * Takes from buckets in one call. A call that gives tokens back is not repeated after a lost answer: they would count
 * twice.
 */
export async function takeTokens(
  reader: ScriptReader,
  tenant: string,
  takes: readonly Take[],
): Promise<readonly Taken[]> {
  const args = [JSON.stringify(takes.map(argumentsOf))];
  const buckets = takes.map(({ bucket }) => bucket);
  const isRepeatable = takes.every(({ back = 0 }) => back === 0);
  const reply = await reader.run(takeScript, 'take', tenant, args, buckets, bucketKey, isRepeatable);
  const [time, ...replies] = listOf(reply);
  const atMs = Math.floor(numberOf(textOf(time)) / 1000);
  return takes.map((_, i) => {
    const [granted, left, next] = textOf(replies[i]).split(' ');
    return { granted: numberOf(granted), left: numberOf(left), nextMs: numberOf(next), atMs };
  });
}

/** The claim for claim-tasks.lua. */
export function plannedClaim({ pace, ...claim }: Claim): object {
  return pace === undefined ? claim : { ...claim, pace: [pace.bucket, intervalUs(pace.rate), pace.rate.burst] };
}

function argumentsOf({ rate, want, least, back = 0, backByMs = NO_DEADLINE_MS }: Take): readonly number[] {
  return [intervalUs(rate), rate.burst, want, least, back, backByMs * 1000];
}
