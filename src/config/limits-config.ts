import { readFileSync } from 'node:fs';
import type { LimitsConfig } from './config.js';
import { itemsOf, type Environment } from './environment.js';
import { readPolicies, type Policies } from './policies.js';

const MINUTE_MS = 60_000;

/** The limits of every tenant; a tenant's record may set others. */
export function limitsConfig(read: Environment, refuse: (name: string, says: string) => void): LimitsConfig {
  const rate = {
    limit: read.RATE_LIMIT_REQUESTS_PER_MINUTE,
    windowMs: MINUTE_MS,
    burst: read.RATE_LIMIT_BURST_SIZE,
    mode: 'enforce',
  } as const;
  const subjects = read.RATE_LIMIT_ENABLED ? itemsOf(read.RATE_LIMIT_SUBJECTS) : [];
  const ofTenants = tenantDefaults(read.TENANT_DEFAULTS, (says) => refuse('TENANT_DEFAULTS', says));
  return {
    ...(subjects.includes('ip') && { ip: { ...rate, per: 'ip' } }),
    byDefault: {
      ...(subjects.includes('user') && { user: { ...rate, per: 'user' as const } }),
      ...(subjects.includes('key') && { key: { ...rate, per: 'key' as const } }),
      ...ofTenants,
    },
    headers: read.RATE_LIMIT_HEADERS,
  };
}

/** JSON, or the path of a file with it. */
function tenantDefaults(given: string | undefined, refuse: (says: string) => void): Policies {
  if (given === undefined || given.trim() === '') return {};
  let parsed: unknown;
  try {
    parsed = JSON.parse(/^\s*\{/.test(given) ? given : readFileSync(given, 'utf8'));
  } catch (error) {
    refuse(`must be JSON or the path of a JSON file (${(error as Error).message.slice(0, 100)})`);
    return {};
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
    refuse('must be a JSON object such as {"limits": {"write": {"limit": 600, "windowMs": 60000}}}');
    return {};
  }
  const { limits = {}, ...others } = parsed as Record<string, unknown>;
  for (const name of Object.keys(others)) refuse(`"${name}" is not known; known is limits`);
  return readPolicies(limits, ({ pointer, message }) => refuse(`limits${pointer} ${message}`));
}
