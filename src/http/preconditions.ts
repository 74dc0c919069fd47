import type { FastifyRequest } from 'fastify';
import type { Expect } from '../engine/commit.js';
import { InvalidHeaderError } from './http-errors.js';

/**
 * One element of a list of entity tags and the comma behind it, by RFC 9110 (5.6.1 and 8.8.3): commas may be inside of tags, and elements may be
 * empty. The last alternative is a tag without its quotes, as it looks after a shell has eaten them.
 */
const ELEMENT =
  /[ \t]*(?:(?:(?<weak>W\/"[\x21\x23-\x7e\x80-\xff]*")|(?<strong>"[\x21\x23-\x7e\x80-\xff]*")|(?<bare>[A-Za-z0-9_-]{6,}-\d+))[ \t]*)?(?:,|$)/y;

/** The strong tags of a list; a weak one can never match a strong comparison, so it is left out. '*' is any. */
function tagsOf(header: string, name: string): readonly string[] | '*' {
  if (header.trim() === '*') return '*';
  const tags: string[] = [];
  let isEmpty = true;
  for (let at = 0; at < header.length; at = ELEMENT.lastIndex) {
    ELEMENT.lastIndex = at;
    const { weak, strong, bare } = ELEMENT.exec(header)?.groups ?? refuse(name);
    if (strong !== undefined) tags.push(strong);
    if (bare !== undefined) tags.push(`"${bare}"`);
    isEmpty &&= weak === undefined && strong === undefined && bare === undefined;
  }
  return isEmpty ? refuse(name) : tags;
}

function refuse(name: string): never {
  throw new InvalidHeaderError(name, 'must be * or entity tags in double quotes, as the ETag header gives them');
}

/** What a write demands of the workflow it finds, from If-Match or `If-None-Match: *`. */
export function expectationOf({ headers }: FastifyRequest): Expect | undefined {
  const match = headers['if-match'];
  const noneMatch = headers['if-none-match'];
  if (match !== undefined && noneMatch !== undefined) {
    throw new InvalidHeaderError('If-None-Match', 'cannot be combined with If-Match on a write');
  }
  if (noneMatch !== undefined) {
    if (tagsOf(noneMatch, 'If-None-Match') === '*') return { exists: false };
    throw new InvalidHeaderError('If-None-Match', 'only * has a meaning on a write: create, never replace');
  }
  if (match === undefined) return undefined;
  const etags = tagsOf(match, 'If-Match');
  return etags === '*' ? { exists: true } : { etags };
}

/** The tags that the reader already has; undefined when it did not say. */
export function knownTagsOf({ headers }: FastifyRequest): readonly string[] | '*' | undefined {
  const header = headers['if-none-match'];
  return header === undefined ? undefined : tagsOf(header, 'If-None-Match');
}

export function wantedTagsOf({ headers }: FastifyRequest): readonly string[] | '*' | undefined {
  const header = headers['if-match'];
  return header === undefined ? undefined : tagsOf(header, 'If-Match');
}

export const PRECONDITIONS = ['If-Match', 'If-None-Match'] as const;

/** A write that ignored a precondition would do what the client wanted to prevent. @throws InvalidHeaderError */
export function refusePreconditions(
  { headers }: FastifyRequest,
  names: readonly (typeof PRECONDITIONS)[number][],
): void {
  for (const name of names) {
    if (headers[name.toLowerCase()] === undefined) continue;
    throw new InvalidHeaderError(
      name,
      'cannot be honoured by this route, so nothing was done; send the request without it',
    );
  }
}
