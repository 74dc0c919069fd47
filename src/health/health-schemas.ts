import type { Schema } from '../http/openapi.js';

const INDICATORS: Schema = {
  type: 'object',
  additionalProperties: { type: 'object', required: ['status'], properties: { status: { type: 'string' } } },
};

export const HEALTH_SCHEMAS: Readonly<Record<string, Schema>> = {
  Health: {
    type: 'object',
    required: ['status', 'details'],
    properties: {
      status: { type: 'string', enum: ['ok', 'degraded', 'error', 'shutting_down'] },
      info: INDICATORS,
      error: INDICATORS,
      details: INDICATORS,
    },
  },
  Status: {
    type: 'object',
    required: ['status', 'version', 'storage', 'uptimeSeconds'],
    properties: {
      status: { type: 'string', enum: ['ok'] },
      version: { type: 'string' },
      storage: { type: 'string', enum: ['redis', 'memory', 'detached'] },
      uptimeSeconds: { type: 'integer' },
    },
    additionalProperties: false,
  },
};
