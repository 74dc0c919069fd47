import { StoreUnavailableError } from '../../errors.js';
import { PACKING, readMark, SCHEMA } from '../schema.js';

/** The data has another schema: it came after the start, with another server or another version of the service. */
export class OtherSchemaError extends StoreUnavailableError {
  constructor(mark: string) {
    super({ cause: new Error(otherSchema(mark)) });
  }
}

/** Says which schema it is, and which version reads it. */
export function otherSchema(mark: string): string {
  if (mark === PACKING)
    return `The data in this Redis is being upgraded to schema ${SCHEMA}: run "waymark upgrade", which goes on where it was (docs/upgrade.md)`;
  const known = readMark(mark);
  if (known === undefined) return `The mark of the data in this Redis is unknown: ${mark.slice(0, 80)}`;
  if (known.schema < SCHEMA)
    return `The data in this Redis is of schema ${known.schema}; this version reads schema ${SCHEMA}. Stop all services of the earlier version, then run "waymark upgrade" (docs/upgrade.md)`;
  return `The data in this Redis is of schema ${known.schema}, written by Waymark ${known.version}: use that version or a later one; this one reads schema ${SCHEMA}`;
}
