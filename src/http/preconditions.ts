import type { FastifyRequest } from 'fastify';
import type { Expect } from '../engine/commit.js';
import { InvalidHeaderError } from './http-errors.js';

const ENTITY_TAG = /^(W\/)?"[\x21\x23-\x7e]*"$/;
/** A tag without its quotes, as it looks after a shell has eaten them. */
const BARE_TAG = /^[A-Za-z0-9_-]{6,}-\d+$/;

/** The strong tags of a list; a weak one can never match a strong comparison, so it is left out. '*' is any. */
function tagsOf(header: string, name: string): readonly string[] | '*' {
  if (header.trim() === '*') return '*';
  return header.split(',').flatMap((item) => {
    const tag = item.trim();
    if (BARE_TAG.test(tag)) return [`"${tag}"`];
    if (!ENTITY_TAG.test(tag)) {
      throw new InvalidHeaderError(name, 'must be * or entity tags in double quotes, as the ETag header gives them');
    }
    return tag.startsWith('W/') ? [] : [tag];
  });
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
