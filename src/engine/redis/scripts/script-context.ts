import { newRun } from '../../event-id.js';
import type { EngineOptions } from '../../engine.js';
import type { Profiles } from '../../profile.js';
import type { TakenKeys } from '../taken-keys.js';
import { clockKeyOf, prefixOf } from '../keys.js';

/** Shared by all scripts of an engine. */
export interface ScriptContext {
  readonly namespace: string;
  readonly options: EngineOptions;
  readonly profiles: Profiles;
  /** Retention of the outcome under a key of the service itself. */
  readonly retryWindowMs: number;
  readonly taken: TakenKeys;
  /** Time for the scripts as text; '' means that of the server. */
  readonly now: () => string;
}

/** Epoch of a replica; see fences.ts. */
export interface Fence {
  readonly replica: string;
  readonly epoch: string;
}

/**
 * First arguments of a run of any script, see base.lua: prefix of the keys, clock, default time to live, size of the feed
 * and name of the run; behind a fence also the replica and its epoch. A run that is sent again gets another name, since it may reach another server.
 */
export function leadingArguments(
  { namespace, profiles, now }: ScriptContext,
  tenant: string,
  fence?: Fence,
): [string, string, string] {
  const { defaultTtlMs, feed } = profiles.of(tenant);
  const clock = now() || clockKeyOf(namespace, tenant);
  const behind = fence === undefined ? '' : ` ${fence.replica} ${fence.epoch}`;
  return [prefixOf(namespace, tenant), clock, `${defaultTtlMs ?? '-'} ${feed.maxEvents} ${newRun()}${behind}`];
}
