import type { Schema } from '../http/shapes/field.js';

export const MERGE_PATCH_TYPE = 'application/merge-patch+json';
export const JSON_PATCH_TYPE = 'application/json-patch+json';

/** Any JSON value. Without the list of types, generated clients have `unknown`. */
export const ANY_JSON: Schema = {
  type: ['object', 'array', 'string', 'number', 'boolean', 'null'],
  additionalProperties: true,
  items: {},
};

const POINTER: Schema = { type: 'string', pattern: '^(/([^~/]|~[01])*)*$' };

/** RFC 6902. Members that an operation does not define are ignored, so the schema allows them. */
export const JSON_PATCH: Schema = {
  type: 'array',
  maxItems: 1000,
  items: {
    oneOf: [
      operation(['add', 'replace', 'test'], { path: POINTER, value: {} }),
      operation(['remove'], { path: POINTER }),
      operation(['move', 'copy'], { path: POINTER, from: POINTER }),
    ],
  },
};

function operation(names: readonly string[], members: Readonly<Record<string, Schema>>): Schema {
  return {
    type: 'object',
    required: ['op', ...Object.keys(members)],
    properties: { op: { type: 'string', enum: names }, ...members },
  };
}
