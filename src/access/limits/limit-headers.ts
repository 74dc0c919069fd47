import type { LimitsConfig } from '../../config/config.js';
import type { Policy } from '../../config/policies.js';
import type { HeaderTarget } from '../admission.js';
import type { Limit } from './limit.js';

/**
 * Writes how much is left of the enforced limits of a request: RateLimit and RateLimit-Policy as in
 * draft-ietf-httpapi-ratelimit-headers-11, and X-RateLimit-* for the limit with the least left.
 * `retryAfterMs`: that of a refusal.
 */
export function setLimitHeaders(
  reply: HeaderTarget,
  limits: readonly Limit[],
  style: LimitsConfig['headers'],
  retryAfterMs?: number,
): void {
  if (style === 'none') return;
  let [policies, left] = ['', ''];
  let least: { policy: Policy; remaining: number } | undefined;
  for (const { name, policy, lease } of limits) {
    if (policy.mode === 'shadow') continue;
    const remaining = remainingOf(lease);
    if (least === undefined || remaining < least.remaining) least = { policy, remaining };
    const separator = policies === '' ? '' : ', ';
    policies += `${separator}${policyItem(name, policy)}`;
    const nextMs = retryAfterMs !== undefined && remaining === 0 ? retryAfterMs : policy.windowMs / policy.limit;
    left += `${separator}"${name}";r=${remaining};t=${secondsOf(nextMs)}`;
  }
  if (least === undefined) return;
  if (style !== 'legacy') reply.header('ratelimit-policy', policies).header('ratelimit', left);
  if (style === 'draft') return;
  const { limit, windowMs, burst } = least.policy;
  const fullInMs = (burst - least.remaining) * (windowMs / limit);
  reply
    .header('x-ratelimit-limit', limit)
    .header('x-ratelimit-remaining', least.remaining)
    .header('x-ratelimit-reset', Math.ceil((Date.now() + fullInMs) / 1000));
}

/** Tokens that are available at once: those of the lease, and those that the store had at its last answer. */
export function remainingOf({ tokens, left, rate }: Limit['lease']): number {
  return Math.min(tokens + left, rate.burst);
}

function secondsOf(ms: number): number {
  return Math.max(1, Math.ceil(ms / 1000));
}

/** Cached by policy, since most requests have the same few policies. */
const ITEMS = new WeakMap<Policy, string>();

function policyItem(name: string, policy: Policy): string {
  let item = ITEMS.get(policy);
  if (item === undefined) {
    const { limit, windowMs, burst } = policy;
    item = `"${name}";q=${limit};w=${secondsOf(windowMs)};waymark-burst=${burst}`;
    ITEMS.set(policy, item);
  }
  return item;
}
