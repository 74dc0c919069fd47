import { ApiTags } from '@nestjs/swagger';
import { object, operation, ref, type Schema } from '../http/openapi.js';

const TEXT: Schema = { type: 'string' };
const EXPECT: Schema = {
  type: 'object',
  description: 'One of version, etag or exists',
  properties: { version: { type: 'integer', minimum: 1 }, etag: TEXT, exists: { type: 'boolean' } },
  additionalProperties: false,
};
const TTL = ref('TtlSeconds');
const upTo50 = (items: Schema): Schema => ({ type: 'array', maxItems: 50, items });

const BODY = object({
  ack: object({ taskId: TEXT, leaseToken: TEXT, result: {} }, ['taskId', 'leaseToken']),
  puts: upTo50(object({ id: TEXT, expect: EXPECT, state: ref('State'), ttlSeconds: TTL }, ['id', 'state'])),
  patches: upTo50(object({ id: TEXT, expect: EXPECT, merge: {}, patch: ref('JsonPatch'), ttlSeconds: TTL }, ['id'])),
  deletes: upTo50(object({ id: TEXT, expect: EXPECT }, ['id'])),
  enqueue: upTo50({ allOf: [ref('NewTask')], description: 'With the name of its queue in queue' }),
  publish: upTo50(object({ channel: TEXT, type: TEXT, payload: {} }, ['channel', 'type'])),
  claimNext: object({ queue: TEXT, leaseMs: { type: 'integer' }, worker: TEXT }, ['queue']),
});

export const commits = () => ApiTags('commits');

export const commit = () =>
  operation({
    id: 'commit',
    summary: 'One step, all or nothing',
    description:
      'Checked in this order: shape, a repeat of the same Idempotency-Key or lease token, sizes, the lease, expectations, room in the queues. ' +
      'A refusal writes nothing and names the part that failed.',
    headers: ['Idempotency-Key', 'X-Waymark-Note'],
    body: { types: { 'application/json': BODY } },
    answers: { 200: { says: 'Done', schema: ref('Committed'), headers: ['Idempotency-Replayed'] } },
    problems: [400, 404, 409, 412, 413, 415, 422, 429],
  });
