import { schemaKey } from '../keys.js';
import { readMark, SCHEMA } from '../schema.js';
import type { RedisConnections } from './redis-connections.js';
import { isOfWrongType } from './redis-errors.js';

/** The mark of a tenant; null if there is none, undefined if the key holds a value of another type. */
export function markOf(connections: RedisConnections, prefix: string): Promise<string | null | undefined> {
  const mark: Promise<string | null | undefined> = connections.command(schemaKey(prefix)).get(schemaKey(prefix));
  return mark.catch((error: unknown) => {
    if (!isOfWrongType(error)) throw error;
    return undefined;
  });
}

export function isOfThisSchema(mark: string | null | undefined): boolean {
  return typeof mark === 'string' && readMark(mark)?.schema === SCHEMA;
}
