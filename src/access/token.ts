import { createHash, randomBytes } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { BASE_32 } from './base32.js';

/**
 * Tokens: `wmk_<tenant>_<id>_<secret><sum>` of a key, `wmo_<id>_<secret><sum>` of an operator.
 * A token is read from the right, by fixed lengths, since names of tenants may contain underscores.
 * The sum is a CRC-32: a mistyped token costs no look-up, and scanners of code find tokens without false alarms.
 */
export type TokenName =
  | { readonly kind: 'key'; readonly tenant: string; readonly id: string }
  | { readonly kind: 'operator'; readonly id: string };

/** Names of tenants, apart from hidden ones, whose names begin with a dot. */
export const TENANT = /^[a-z0-9][a-z0-9_-]{0,62}$/;
export const TENANT_RULE = 'must be 1 to 63 characters of a-z 0-9 _ - and begin with a letter or a digit';
export const KEY_ID = /^[a-z2-7]{16}$/;

const BASE_62 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const ID_CHARACTERS = 16;
const SECRET_BYTES = 32;
/** Digits of 256 bits. */
const SECRET_CHARACTERS = 43;
const SUM_CHARACTERS = 6;
const TAIL = /^_([a-z2-7]{16})_[0-9A-Za-z]{49}$/;
const TAIL_CHARACTERS = 1 + ID_CHARACTERS + 1 + SECRET_CHARACTERS + SUM_CHARACTERS;
/** Characters of the secret that listings show, so that people recognise a key. */
const SHOWN_CHARACTERS = 4;

export function newKeyId(): string {
  return [...randomBytes(ID_CHARACTERS)].map((byte) => BASE_32[byte & 31]).join('');
}

export function newToken(name: TokenName): string {
  const secret = inBase62(BigInt(`0x${randomBytes(SECRET_BYTES).toString('hex')}`), SECRET_CHARACTERS);
  const unsummed = prefixOf(name) + secret;
  return unsummed + sumOf(unsummed);
}

/** Parts of a token; undefined for a text that this service cannot have made. */
export function parseToken(token: string): TokenName | undefined {
  const [, id] = TAIL.exec(token.slice(-TAIL_CHARACTERS)) ?? [];
  if (id === undefined || sumOf(token.slice(0, -SUM_CHARACTERS)) !== token.slice(-SUM_CHARACTERS)) return undefined;
  const head = token.slice(0, -TAIL_CHARACTERS);
  if (head === 'wmo') return { kind: 'operator', id };
  const tenant = head.slice('wmk_'.length);
  return head.startsWith('wmk_') && TENANT.test(tenant) ? { kind: 'key', tenant, id } : undefined;
}

/** Digest of a token, which the store keeps. A secret of 256 bits needs no slow hash. */
export function digestOf(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}

/** Beginning of a token, by which people recognise it. */
export function startOf(name: TokenName, token?: string): string {
  const prefix = prefixOf(name);
  return token === undefined ? prefix : token.slice(0, prefix.length + SHOWN_CHARACTERS);
}

function prefixOf(name: TokenName): string {
  return name.kind === 'key' ? `wmk_${name.tenant}_${name.id}_` : `wmo_${name.id}_`;
}

function sumOf(text: string): string {
  return inBase62(BigInt(crc32(text)), SUM_CHARACTERS);
}

function inBase62(value: bigint, characters: number): string {
  let text = '';
  for (let left = value; text.length < characters; left /= 62n) text = BASE_62[Number(left % 62n)] + text;
  return text;
}
