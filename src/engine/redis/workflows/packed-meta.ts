import { Unpackr } from 'msgpackr';
import { META_FIELDS, type MetaField } from './meta-fields.js';

/** Deadlines in milliseconds; false: never. */
export interface PackedMeta {
  readonly inc: string;
  readonly version: number;
  readonly check: string | false;
  readonly digest: string | false;
  readonly created: number;
  readonly updated: number;
  readonly deadline: number | false;
  readonly bytes: number;
}

/** Places of the fields. */
const AT = Object.fromEntries(META_FIELDS.map((name, place) => [name, place])) as Record<MetaField, number>;
const unpackr = new Unpackr({ useRecords: false, int64AsType: 'number' });

/** The meta that a script has packed; see meta-fields-lua.ts. Undefined for another value. */
export function unpackMeta(packed: Buffer): PackedMeta | undefined {
  const values = valuesIn(packed);
  if (values.length !== META_FIELDS.length) return undefined;
  const meta = {
    inc: values[AT.inc],
    version: values[AT.version],
    check: values[AT.check],
    digest: values[AT.digest],
    created: values[AT.created],
    updated: values[AT.updated],
    deadline: values[AT.deadline],
    bytes: values[AT.bytes],
  };
  return isMeta(meta) ? meta : undefined;
}

function valuesIn(packed: Buffer): readonly unknown[] {
  try {
    const values: unknown = unpackr.unpackMultiple(packed);
    return Array.isArray(values) ? values : [];
  } catch {
    return [];
  }
}

const isNumber = (value: unknown) => Number.isSafeInteger(value);
const isText = (value: unknown) => typeof value === 'string';

function isMeta(meta: Record<keyof PackedMeta, unknown>): meta is PackedMeta & typeof meta {
  const { inc, version, check, digest, created, updated, deadline, bytes } = meta;
  return (
    [version, created, updated, bytes].every(isNumber) &&
    isText(inc) &&
    (deadline === false || isNumber(deadline)) &&
    [check, digest].every((value) => value === false || isText(value))
  );
}
