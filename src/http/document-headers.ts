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
  'If-Match': header('Proceed only if the workflow has one of these tags; `*`: only if it exists', TAGS),
  'If-None-Match': header(
    'On GET: answer 304 if the workflow still has this tag. On a write only `*`: create, never replace',
    TAGS,
  ),
  'Idempotency-Key': header('Makes the request happen once; a repeat within 24 h gets the first answer again', {
    type: 'string',
    pattern: '^("[!#-~]{1,255}"|[!-~]{1,255})$',
  }),
  Prefer: header(
    '`return=minimal` for an answer without body; `wait=<seconds>` (at most 60) with If-None-Match on GET waits for the next version',
  ),
  'Waymark-Durability': header(
    '`replicated`: answer when a replica of Redis has the write; 504 if none confirms it in time',
    {
      type: 'string',
      enum: ['replicated'],
    },
  ),
  'X-Waymark-Note': header('Note that is kept with the version in the history', { type: 'string', maxLength: 200 }),
} as const;

export type RequestHeader = keyof typeof REQUEST_HEADERS;

export const ANSWER_HEADERS = {
  'X-Waymark-Storage': header('Store that served the request', {
    type: 'string',
    enum: ['redis', 'memory', 'detached'],
  }),
  'X-Request-Id': header('Id of the request in logs and problem documents'),
  ETag: header(
    'Strong entity tag `"<incarnation>-<version>.<check>"`; opaque for clients. One tag never names two contents',
  ),
  'Last-Modified': header('Time of this version'),
  'X-Expires-At': header('Expiry of the workflow; absent if it never expires', { type: 'string', format: 'date-time' }),
  Warning: header('`110` when the answer is a held copy that may be out of date'),
  Location: header('Path of the new resource'),
  Link: header('Link to the next page, or to the subject of the problem'),
  'X-Next-Due-Ms': header('Milliseconds until a delayed or leased task may become ready', COUNT),
  'Idempotency-Replayed': header('`true` when this is the answer of an earlier request with the same key', {
    type: 'string',
    enum: ['true'],
  }),
  'Retry-After': header('Seconds to wait before a retry', COUNT),
  RateLimit: header('What is left of the limit'),
  'RateLimit-Policy': header('The limit'),
  'WWW-Authenticate': header('The credential that is required'),
  'Accept-Patch': header('Media types that a PATCH here takes'),
} as const;

export type AnswerHeader = keyof typeof ANSWER_HEADERS;
