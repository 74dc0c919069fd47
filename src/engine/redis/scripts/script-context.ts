import type { EngineOptions } from '../../engine.js';
import type { Profiles } from '../../profile.js';
import { prefixOf } from '../keys.js';

/** Shared by all scripts of an engine. */
export interface ScriptContext {
  readonly namespace: string;
  readonly options: EngineOptions;
  readonly profiles: Profiles;
  /** Time for the scripts as text; '' means that of the server. */
  readonly now: () => string;
}

/** First arguments of every script, see base.lua: prefix of the keys, time, default time to live and size of the feed. */
export function leadingArguments(
  { namespace, profiles, now }: ScriptContext,
  tenant: string,
): [string, string, string] {
  const { defaultTtlMs, feed } = profiles.of(tenant);
  return [prefixOf(namespace, tenant), now(), `${defaultTtlMs ?? '-'} ${feed.maxEvents}`];
}
