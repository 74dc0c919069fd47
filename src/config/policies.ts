/** One limit: `limit` in `windowMs`, of which `burst` at once, for each subject. */
export interface Policy {
  readonly limit: number;
  readonly windowMs: number;
  readonly burst: number;
  /** Subject that has a bucket of its own. */
  readonly per: 'tenant' | 'user' | 'key' | 'ip';
  /** `shadow` counts requests and refuses none. */
  readonly mode: 'enforce' | 'shadow';
}

/** Policies by name; null removes a policy that would apply otherwise. */
export type Policies = Readonly<Record<string, Policy | null>>;

/** A fault in policies; `pointer` is a JSON Pointer into the given value. */
export interface PolicyFault {
  readonly pointer: string;
  readonly message: string;
}

const SUBJECTS = ['tenant', 'user', 'key', 'ip'] as const;
const MODES = ['enforce', 'shadow'] as const;
const MAX_POLICIES = 100;
const MAX_LIMIT = 100_000_000;
const MIN_WINDOW_MS = 1000;
const MAX_WINDOW_MS = 86_400_000;
/**
 * Maximum tokens per millisecond. Buckets count whole microseconds, so two tokens must come back at least ten
 * microseconds apart.
 */
const MAX_PER_MS = 100;
/** Default burst, as a share of the limit. */
const BURST_SHARE = 1 / 6;

const NAME = /^[a-z0-9][a-z0-9_-]{0,62}$/;
const QUEUE_NAME = /^queue:[A-Za-z0-9_:\-@~+][A-Za-z0-9._:\-@~+]{0,127}$/;
const NAME_RULE = 'a name has 1 to 63 of a-z 0-9 _ - and begins with a letter or digit; `queue:<name>` is for a queue';
/** Names of policies that decide the subject. */
const OWN_SUBJECTS: Readonly<Record<string, Policy['per']>> = { user: 'user', key: 'key' };

/** JSON Schema of policies by name. */
export const POLICIES_SCHEMA = {
  type: 'object',
  maxProperties: MAX_POLICIES,
  propertyNames: { pattern: `${NAME.source}|${QUEUE_NAME.source}` },
  additionalProperties: {
    type: ['object', 'null'],
    required: ['limit', 'windowMs'],
    additionalProperties: false,
    properties: {
      limit: { type: 'integer', minimum: 1, maximum: MAX_LIMIT },
      windowMs: { type: 'integer', minimum: MIN_WINDOW_MS, maximum: MAX_WINDOW_MS },
      burst: { type: 'integer', minimum: 1, maximum: MAX_LIMIT },
      per: { type: 'string', enum: SUBJECTS },
      mode: { type: 'string', enum: MODES },
    },
  },
} as const;

/** Reads the `limits` of a tenant from parsed JSON. Reports each fault; without faults the result is valid. */
export function readPolicies(given: unknown, refuse: (fault: PolicyFault) => void): Policies {
  const named = membersOf(given);
  if (named === undefined) {
    refuse({ pointer: '', message: 'must be an object: policies by name' });
    return {};
  }
  const entries = Object.entries(named);
  if (entries.length > MAX_POLICIES) refuse({ pointer: '', message: `must have at most ${MAX_POLICIES} policies` });
  return Object.fromEntries(
    entries.map(([name, policy]) => {
      const at = (fault: PolicyFault) => refuse({ ...fault, pointer: `/${name}${fault.pointer}` });
      if (name === 'ip') at({ pointer: '', message: 'is set by RATE_LIMIT_REQUESTS_PER_MINUTE for the whole service' });
      else if (!NAME.test(name) && !QUEUE_NAME.test(name)) at({ pointer: '', message: NAME_RULE });
      return [name, policy === null ? null : readPolicy(policy, at, name)];
    }),
  );
}

/** Reads one policy. `name` decides the subject if the policy has no `per`. */
function readPolicy(given: unknown, refuse: (fault: PolicyFault) => void, name: string): Policy {
  const members = membersOf(given) ?? {};
  if (membersOf(given) === undefined) refuse({ pointer: '', message: 'must be an object' });
  for (const member of Object.keys(members))
    if (!['limit', 'windowMs', 'burst', 'per', 'mode'].includes(member))
      refuse({ pointer: `/${member}`, message: 'is not a member of a policy' });
  const isGiven = (member: string) => members[member] !== undefined;
  const integer = (member: string, min: number, max: number): number => {
    const value = members[member];
    if (Number.isInteger(value) && (value as number) >= min && (value as number) <= max) return value as number;
    refuse({ pointer: `/${member}`, message: `must be an integer from ${min} to ${max}` });
    return min;
  };
  const oneOf = <T extends string>(member: string, values: readonly T[], byDefault: T): T => {
    const value = members[member] ?? byDefault;
    if (values.includes(value as T)) return value as T;
    refuse({ pointer: `/${member}`, message: `must be ${values.join(' or ')}` });
    return byDefault;
  };
  const windowMs = integer('windowMs', MIN_WINDOW_MS, MAX_WINDOW_MS);
  const limit = integer('limit', 1, MAX_LIMIT);
  if (limit > windowMs * MAX_PER_MS)
    refuse({ pointer: '/limit', message: `must be at most ${MAX_PER_MS} for each millisecond of the window` });
  const burst = isGiven('burst') ? integer('burst', 1, MAX_LIMIT) : defaultBurst(limit);
  const own = name.startsWith('queue:') ? 'tenant' : OWN_SUBJECTS[name];
  const per = oneOf('per', own === undefined ? SUBJECTS : [own], own ?? 'tenant');
  return { limit, windowMs, burst, per, mode: oneOf('mode', MODES, 'enforce') };
}

/** Burst of a policy without `burst`. */
export function defaultBurst(limit: number): number {
  return Math.ceil(limit * BURST_SHARE);
}

function membersOf(value: unknown): Readonly<Record<string, unknown>> | undefined {
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
  return isObject ? (value as Record<string, unknown>) : undefined;
}
