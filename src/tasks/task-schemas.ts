import { object, ref, type Schema } from '../http/openapi.js';

const TEXT: Schema = { type: 'string' };
const whole = (properties: Readonly<Record<string, Schema>>, optional: Readonly<Record<string, Schema>> = {}) =>
  object({ ...properties, ...optional }, Object.keys(properties));

export const TASK_SCHEMAS: Readonly<Record<string, Schema>> = {
  Committed: whole(
    {
      workflows: {
        type: 'array',
        description: 'One for each put, then one for each patch',
        items: whole({ id: TEXT, version: { type: 'integer', minimum: 1 }, etag: TEXT }),
      },
      taskIds: { type: 'array', items: TEXT },
      eventIds: { type: 'array', items: TEXT },
    },
    { next: { anyOf: [ref('ClaimedTask'), { type: 'null' }] } },
  ),
};
