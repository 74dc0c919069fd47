import type { Rules } from '../http/shapes/field.js';
import { Count, OneOf, Text, Value } from '../http/shapes/fields.js';

/** Results by the name of the check, as Terminus writes them. */
const indicators: Rules = {
  schema: {
    type: 'object',
    additionalProperties: { type: 'object', required: ['status'], properties: { status: { type: 'string' } } },
  },
  says: 'must be results by name',
  accepts: () => true,
};

export class Health {
  @OneOf(['ok', 'degraded', 'error', 'shutting_down']) status!: string;
  @Value(indicators, { optional: true }) info?: object | undefined;
  @Value(indicators, { optional: true }) error?: object | undefined;
  @Value(indicators) details!: object;
}

export class ServiceStatus {
  @OneOf(['ok']) status!: 'ok';
  @Text() version!: string;
  @OneOf(['redis', 'memory', 'detached']) storage!: 'redis' | 'memory' | 'detached';
  @Count() uptimeSeconds!: number;
}
