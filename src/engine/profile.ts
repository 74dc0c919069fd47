import { DEFAULT_FEED, type EngineOptions, type FeedOptions } from './engine.js';
import { WorkflowIndex } from './workflow-index.js';

/**
 * Hidden tenants hold records of the service itself: keys, tenants, settings. No name that a client can give begins
 * with a dot, so no client can have or name one.
 */
export function isHiddenTenant(tenant: string): boolean {
  return tenant.startsWith('.');
}

/** Hidden tenant with the records of all tenants and the keys of operators. */
export const ACCESS_TENANT = '.access';

const OF_TENANT = '.of:';

/** Hidden tenant with the records that belong to a tenant. */
export function accessTenantOf(tenant: string): string {
  return OF_TENANT + tenant;
}

/** The tenant itself, or the one to which the records of a hidden tenant belong. */
export function ownerOf(tenant: string): string {
  return tenant.startsWith(OF_TENANT) ? tenant.slice(OF_TENANT.length) : tenant;
}

/** Hidden tenants that are erased together with a tenant. */
export function hiddenTenantsOf(tenant: string): readonly string[] {
  return [accessTenantOf(tenant)];
}

/** Indexed fields of the records in hidden tenants. */
export const HIDDEN_INDEX = new WorkflowIndex(['/user']);

const DAY_MS = 24 * 60 * 60 * 1000;
const HIDDEN_HISTORY_LIMIT = 50;
const HIDDEN_HISTORY_BYTES = 1024 * 1024;
const HIDDEN_FEED_MS = 90 * DAY_MS;

/** Limits that depend on the class of the tenant. */
export interface Profile {
  readonly index: WorkflowIndex;
  /** Time to live of a new workflow with ttl 'keep', and of an adopted one; null is never. */
  readonly defaultTtlMs: number | null;
  /** Earlier versions kept per workflow, by count and by bytes of their states. */
  readonly historyLimit: number;
  readonly historyMaxBytes: number;
  readonly feed: FeedOptions;
}

/** Profiles of the ordinary tenants, as configured, and of the hidden ones. */
export class Profiles {
  readonly #ordinary: Profile;
  readonly #hidden: Profile;

  constructor(
    { defaultTtlMs, historyLimit, historyMaxBytes, feed = DEFAULT_FEED }: EngineOptions,
    index: WorkflowIndex,
  ) {
    this.#ordinary = { index, defaultTtlMs, historyLimit, historyMaxBytes, feed };
    this.#hidden = {
      index: HIDDEN_INDEX,
      defaultTtlMs: null,
      historyLimit: HIDDEN_HISTORY_LIMIT,
      historyMaxBytes: HIDDEN_HISTORY_BYTES,
      feed: { maxEvents: feed.maxEvents, maxAgeMs: HIDDEN_FEED_MS },
    };
  }

  of(tenant: string): Profile {
    return isHiddenTenant(tenant) ? this.#hidden : this.#ordinary;
  }
}
