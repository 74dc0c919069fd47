import { isRange } from '../../config/address-range.js';
import { AtMostOne, Holds, type Rules } from '../../http/shapes/field.js';
import { Integer, ListOf, Nested, oneOf, OneOf, RawJson, Text, text, Time, Values } from '../../http/shapes/fields.js';
import { TENANT_SCOPES, type Role, type Scope } from '../scopes.js';
import { KEY_ID } from '../token.js';

const ROLES = ['reader', 'worker', 'writer', 'admin', 'operator'] as const satisfies readonly Role[];
const MAX_ADDRESSES = 50;
const MAX_METADATA_CHARACTERS = 4096;
const MAX_SECONDS = 3_153_600_000;
const DAY_SECONDS = 86_400;

const scope = oneOf(TENANT_SCOPES);

const address: Rules = {
  schema: {
    type: 'string',
    anyOf: [
      { format: 'ipv4' },
      { format: 'ipv6' },
      { pattern: String.raw`^\d{1,3}(\.\d{1,3}){3}/([12]?\d|3[0-2])$` },
      { pattern: '^[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*/([1-9]?[0-9]|1[01][0-9]|12[0-8])$' },
    ],
  },
  says: 'must be an IP address, or a range such as 10.0.0.0/8',
  accepts: (value) => typeof value === 'string' && isRange(value),
};

const KeyId = (given: { optional?: true; about?: string } = {}) =>
  Text({
    pattern: KEY_ID,
    says: 'must be 16 characters of a-z and 2-7',
    ...(given.optional !== true && { example: 'k7mqzr2x4w5yd3ha' }),
    ...given,
  });

const Addresses = (given: { optional?: true; nullable?: true; about?: string }) =>
  Values(address, {
    min: 1,
    max: MAX_ADDRESSES,
    says: `must be 1 to ${MAX_ADDRESSES} IP addresses, or ranges such as 10.0.0.0/8`,
    ...given,
  });

const Metadata = (given: { optional?: true; nullable?: true } = {}) =>
  RawJson({ about: 'Any JSON, for the owner of the key; at most 4096 characters', ...given });

/** Checks rules between the members of a body. */
const holdsMetadata = ({ metadata }: { metadata?: string }) =>
  metadata === undefined || metadata.length <= MAX_METADATA_CHARACTERS
    ? undefined
    : { pointer: '/metadata', message: `must have at most ${MAX_METADATA_CHARACTERS} characters` };

export class KeyLimit {
  @Integer({ min: 1, max: 1_000_000, about: 'Number of requests in each window' }) limit!: number;
  @Integer({ min: 1000, max: DAY_SECONDS * 1000, default: 60_000 }) windowMs!: number;
  @Integer({
    min: 1,
    max: 1_000_000,
    optional: true,
    about: 'Number of requests that may come at once; a sixth of `limit` by default',
  })
  burst?: number;
}

const NAME = { min: 1, max: 100, example: 'writer-service' } as const;
const NAME_ABOUT = 'Name of the key; author of its changes in the history';
const USER = { min: 1, max: 200, about: 'Person for whom the key acts; the limit of users applies to it' } as const;

@AtMostOne('role', 'scopes')
@Holds<NewKey>({
  schema: { dependentRequired: { sha256: ['id'] } },
  check: ({ sha256, id }) =>
    sha256 !== undefined && id === undefined ? { pointer: '/id', message: 'is missing: a digest needs it' } : undefined,
})
@Holds<NewKey>({ check: holdsMetadata })
export class NewKey {
  @Text({ ...NAME, about: NAME_ABOUT }) name!: string;
  @OneOf(ROLES, { optional: true, about: '`writer` without `scopes`' }) role?: Role;
  @Values(scope, { min: 1, max: TENANT_SCOPES.length, optional: true, about: 'Single scopes, instead of a role' })
  scopes?: readonly Scope[];
  @KeyId({ optional: true, about: 'Makes a repeat of the request safe: the second is answered with 409' }) id?: string;
  @Text({ ...USER, optional: true }) user?: string;
  @Integer({ min: 1, max: MAX_SECONDS, optional: true, about: 'Seconds to live; without it the key never expires' })
  ttlSeconds?: number;
  @Addresses({ optional: true, about: 'Addresses and ranges from which the key is accepted' }) ips?: readonly string[];
  @Nested(() => KeyLimit, { optional: true }) limit?: KeyLimit;
  @Metadata({ optional: true }) metadata?: string;
  @Text({
    pattern: /^[0-9a-f]{64}$/,
    says: 'must be 64 hex digits in lower case',
    optional: true,
    about: 'SHA-256 of a token that was made elsewhere for this tenant and `id`: the secret never reaches the service',
  })
  sha256?: string;
}

@AtMostOne('role', 'scopes')
@Holds<KeyChange>({ check: holdsMetadata })
export class KeyChange {
  @Text({ ...NAME, optional: true }) name?: string;
  @OneOf(ROLES, { optional: true }) role?: Role;
  @Values(scope, { min: 1, max: TENANT_SCOPES.length, optional: true }) scopes?: readonly Scope[];
  @Text({ ...USER, optional: true, nullable: true }) user?: string | null;
  @Integer({
    min: 1,
    max: MAX_SECONDS,
    optional: true,
    nullable: true,
    about: 'Seconds to live from now on; null: never expires',
  })
  ttlSeconds?: number | null;
  @Addresses({ optional: true, nullable: true }) ips?: readonly string[] | null;
  @Nested(() => KeyLimit, { optional: true, nullable: true }) limit?: KeyLimit | null;
  @Metadata({ optional: true }) metadata?: string;
}

export class KeyRotation {
  @Integer({
    min: 0,
    max: 365 * DAY_SECONDS,
    default: DAY_SECONDS,
    about: 'Time for which the old secret is still accepted',
  })
  graceSeconds!: number;
  @Text({
    pattern: /^[0-9a-f]{64}$/,
    says: 'must be 64 hex digits in lower case',
    optional: true,
    about: 'SHA-256 of a token that was made elsewhere; a repeat changes nothing',
  })
  sha256?: string;
}

export class KeyPath {
  @KeyId() id!: string;
}

export class KeyListQuery {
  @Integer({ min: 1, max: 1000, default: 100 }) limit!: number;
  @Text({ optional: true, about: '`nextCursor` of the previous page' }) cursor?: string;
  @OneOf(['operator'], { optional: true, about: 'The keys of operators; for operators' }) role?: 'operator';
}

/** A key, without its secret. */
export class Key {
  @KeyId() id!: string;
  @Text({ nullable: true, about: 'null for a key of an operator' }) tenant!: string | null;
  @Text() name!: string;
  @OneOf(ROLES, { nullable: true }) role!: Role | null;
  @Values(text(), { about: 'What it may do' }) scopes!: readonly string[];
  @Text({ nullable: true }) user!: string | null;
  @Values(text(), { nullable: true }) ips!: readonly string[] | null;
  @Nested(() => KeyLimit, { nullable: true }) limit!: KeyLimit | null;
  @Metadata() metadata!: string;
  @Text({ about: 'Beginning of the token, by which people recognise it' }) start!: string;
  @Time() createdAtMs!: number;
  @Text() createdBy!: string;
  @Time({ nullable: true }) expiresAtMs!: number | null;
  @Time({ nullable: true }) revokedAtMs!: number | null;
  @Time({ nullable: true, about: 'End of the secret before the last rotation' }) oldSecretUntilMs!: number | null;
  @Time({ nullable: true, about: 'Time of the last use, to the minute; may be one minute late' }) lastUsedAtMs!:
    number | null;
}

/** A key with its token, which is shown only in this answer. */
export class MadeKey extends Key {
  @Text({ optional: true, about: 'The token; absent when its digest was given' }) key?: string | undefined;
}

export class KeyPage {
  @ListOf(() => Key) items!: readonly Key[];
  @Text({ nullable: true }) nextCursor!: string | null;
}
