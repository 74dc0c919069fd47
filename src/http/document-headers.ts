import type { Schema } from './shapes/field.js';

interface Header {
  readonly description: string;
  readonly schema: Schema;
}

const header = (description: string, schema: Schema = { type: 'string' }): Header => ({ description, schema });

const COUNT: Schema = { type: 'integer', minimum: 0 };
const TAGS: Schema = { type: 'string', minLength: 1 };

/** Headers that more than one route reads. */
export const REQUEST_HEADERS = {
  'If-Match': header('Only if the workflow carries one of these tags; `*` means it exists', TAGS),
  'If-None-Match': header(
    'On GET: answer 304 if it still carries this tag. On a write only `*`: create, never replace',
    TAGS,
  ),
  'Idempotency-Key': header('Makes the request happen once; a repeat within 24 h gets the first answer again', {
    type: 'string',
    pattern: '^("[!#-~]{1,255}"|[!-~]{1,255})$',
  }),
  Prefer: header(
    '`return=minimal` for an answer without body; `wait=<seconds>` (at most 60) with If-None-Match on GET waits for the next version',
  ),
  'Waymark-Durability': header('`replicated`: answered when a replica has it, too, or 504 when none says so in time', {
    type: 'string',
    enum: ['replicated'],
  }),
  'X-Waymark-Note': header('Kept with the version in the history', { type: 'string', maxLength: 200 }),
} as const;

export type RequestHeader = keyof typeof REQUEST_HEADERS;

export const ANSWER_HEADERS = {
  'X-Waymark-Storage': header('Which store served the request', {
    type: 'string',
    enum: ['redis', 'memory', 'detached'],
  }),
  'X-Request-Id': header('Names the request in logs and problem documents'),
  ETag: header('Strong entity tag: incarnation and version'),
  'Last-Modified': header('When this version was written'),
  'X-Expires-At': header('When the workflow ends; absent when it never does', { type: 'string', format: 'date-time' }),
  Warning: header('`110` when the answer is a held copy that may be out of date'),
  Location: header('Where the new resource is'),
  Link: header('The next page, or what the problem is about'),
  'X-Next-Due-Ms': header('How long until something may become ready by itself', COUNT),
  'Idempotency-Replayed': header('`true` when this is the answer of an earlier request with the same key', {
    type: 'string',
    enum: ['true'],
  }),
  'Retry-After': header('Seconds until it makes sense to try again', COUNT),
  RateLimit: header('How much of the limit is left'),
  'RateLimit-Policy': header('The limit'),
  'WWW-Authenticate': header('The credential that is asked for'),
  'Accept-Patch': header('Media types that a PATCH here takes'),
} as const;

export type AnswerHeader = keyof typeof ANSWER_HEADERS;
