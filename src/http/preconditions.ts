import type { FastifyRequest } from 'fastify';
import type { Expect } from '../engine/commit.js';
import { InvalidHeaderError } from './http-errors.js';

/**
 * Element of a list of entity tags, with the comma after it (RFC 9110, 5.6.1 and 8.8.3). Tags may contain commas. Elements may
 * be empty. The last alternative is a tag whose quotes a shell has removed.
 */
const ELEMENT =
  /[ \t]*(?:(?:(?<weak>W\/"[\x21\x23-\x7e\x80-\xff]*")|(?<strong>"[\x21\x23-\x7e\x80-\xff]*")|(?<bare>[A-Za-z0-9_-]{6,}-\d+(?:\.[A-Za-z0-9_-]+)?))[ \t]*)?(?:,|$)/y;

/**
 * Tags of a list; '*' is any. Writes compare strongly, so weak tags match nothing there and are left out. Reads compare
 * weakly (RFC 9110, 13.1.2): proxies that compress an answer make its tag weak.
 */
function tagsOf(header: string, name: string, comparison: 'strong' | 'weak' = 'strong'): readonly string[] | '*' {
  if (header.trim() === '*') return '*';
  const tags: string[] = [];
  let isEmpty = true;
  for (let at = 0; at < header.length; at = ELEMENT.lastIndex) {
    ELEMENT.lastIndex = at;
    const { weak, strong, bare } = ELEMENT.exec(header)?.groups ?? refuse(name);
    if (strong !== undefined) tags.push(strong);
    if (weak !== undefined && comparison === 'weak') tags.push(weak.slice('W/'.length));
    if (bare !== undefined) tags.push(`"${bare}"`);
    isEmpty &&= weak === undefined && strong === undefined && bare === undefined;
  }
  return isEmpty ? refuse(name) : tags;
}

function refuse(name: string): never {
  throw new InvalidHeaderError(name, 'must be * or entity tags in double quotes, as the ETag header gives them');
}

/** Condition of a write, from If-Match or `If-None-Match: *`. */
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

/** Tags that the client already has; undefined without If-None-Match. */
export function knownTagsOf({ headers }: FastifyRequest): readonly string[] | '*' | undefined {
  const header = headers['if-none-match'];
  return header === undefined ? undefined : tagsOf(header, 'If-None-Match', 'weak');
}

export function wantedTagsOf({ headers }: FastifyRequest): readonly string[] | '*' | undefined {
  const header = headers['if-match'];
  return header === undefined ? undefined : tagsOf(header, 'If-Match');
}

export const PRECONDITIONS = ['If-Match', 'If-None-Match'] as const;

/** Refuses a precondition that the route would ignore. @throws InvalidHeaderError */
export function refusePreconditions(
  { headers }: FastifyRequest,
  names: readonly (typeof PRECONDITIONS)[number][],
): void {
  if (headers['if-match'] === undefined && headers['if-none-match'] === undefined) return;
  for (const name of names) {
    if (headers[name.toLowerCase()] === undefined) continue;
    throw new InvalidHeaderError(
      name,
      'is not supported by this route, so nothing was done; send the request without it',
    );
  }
}
