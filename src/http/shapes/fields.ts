import { isoTime, parseTime, RFC_3339 } from '../times.js';
import { field, type Rules, type Schema, type Shape } from './field.js';

export interface Common<T = unknown> {
  /** Name in JSON, query, path or headers; the property's name by default. */
  readonly as?: string;
  readonly optional?: boolean;
  readonly nullable?: boolean;
  readonly default?: T;
  /** Description in the document. */
  readonly about?: string;
  /** An optional field with an example is part of the example of its class. */
  readonly example?: T;
}

export interface Bounds {
  readonly min?: number;
  readonly max?: number;
}

export interface TextRules extends Bounds {
  /** Part of the document, so without flags and lookbehind. */
  readonly pattern?: RegExp;
  readonly not?: RegExp;
  readonly says?: string;
}

// Rules of single values.

export const integer = ({ min = 0, max = Number.MAX_SAFE_INTEGER }: Bounds = {}): Rules => ({
  schema: { type: 'integer', minimum: min, maximum: max },
  says: `must be an integer from ${min} to ${max}`,
  accepts: (value) => Number.isInteger(value) && (value as number) >= min && (value as number) <= max,
  parse: (given) => (/^\d{1,16}$/.test(given) ? Number(given) : undefined),
});

export const text = ({ min, max, pattern, not, says = 'must be a text' }: TextRules = {}): Rules => ({
  schema: withoutUndefined({
    type: 'string',
    minLength: min,
    maxLength: max,
    pattern: pattern?.source,
    // With the type, since null has no pattern to match.
    not: not && { type: 'string', pattern: not.source },
  }),
  says,
  accepts: (value) =>
    typeof value === 'string' && fits(value, min, max) && pattern?.test(value) !== false && not?.test(value) !== true,
  parse: (given) => given,
});

export const flag = (): Rules => ({
  schema: { type: 'boolean' },
  says: 'must be true or false',
  accepts: (value) => typeof value === 'boolean',
  parse: (given) => (given === 'true' ? true : given === 'false' ? false : undefined),
});

export const oneOf = (values: readonly string[]): Rules => ({
  schema: { type: 'string', enum: values },
  says: `must be ${values.join(' or ')}`,
  accepts: (value) => values.includes(value as string),
  parse: (given) => given,
});

/** Milliseconds in the class, RFC 3339 in JSON. */
export const time = ({ withinMs }: { readonly withinMs?: number } = {}): Rules => ({
  schema: { type: 'string', format: 'date-time', pattern: RFC_3339.source },
  says:
    withinMs === undefined
      ? 'must be an RFC 3339 time such as 2026-01-31T12:00:00Z'
      : `must be an RFC 3339 time within ${withinMs / DAY_MS} days, such as 2026-01-31T12:00:00Z`,
  accepts: (ms) =>
    !Number.isNaN(ms) && (withinMs === undefined || ((ms as number) > 0 && (ms as number) < Date.now() + withinMs)),
  parse: parseTime,
  isTextual: true,
  write: (ms: number) => `"${isoTime(ms)}"`,
});

/** A list of single values. */
export const listOf = (
  item: Rules,
  { min = 0, max, says, isDistinct = false }: { min?: number; max?: number; says?: string; isDistinct?: boolean } = {},
): Rules => ({
  schema: withoutUndefined({
    type: 'array',
    items: item.schema,
    minItems: min === 0 ? undefined : min,
    maxItems: max,
    uniqueItems: isDistinct || undefined,
  }),
  says: says ?? (max === undefined ? 'must be a list' : `must be a list of ${sizes(min, max)}`),
  accepts: (value) =>
    Array.isArray(value) &&
    value.length >= min &&
    value.length <= (max ?? Infinity) &&
    value.every((one) => item.accepts(one)) &&
    (!isDistinct || new Set(value).size === value.length),
});

// Decorators.

/** Single value with given rules; the decorators below are shorthands. */
export function Value(rules: Rules, given: Common = {}): PropertyDecorator {
  const { schema, accepts } = rules;
  if (given.nullable !== true)
    return field({ ...rules, ...commonOf(given), kind: 'value', schema: described(schema, given) });
  const { type, enum: values } = schema as { type?: unknown; enum?: readonly unknown[] };
  const nullable = described({ ...schema, type: [type, 'null'], ...(values && { enum: [...values, null] }) }, given);
  return field({
    ...rules,
    ...commonOf(given),
    kind: 'value',
    schema: nullable,
    accepts: (value) => value === null || accepts(value),
  });
}

export const Integer = ({ min, max, ...given }: Common<number> & Bounds = {}) =>
  Value(integer({ ...(min !== undefined && { min }), ...(max !== undefined && { max }) }), given);

/** Number of things; for answers. */
export const Count = (given: Common<number> = {}) => Integer({ ...given, min: 0 });

/** Any number; for answers. */
export const Decimal = (given: Common<number> = {}) =>
  Value({ schema: { type: 'number' }, says: 'must be a number', accepts: Number.isFinite }, given);

export const Text = ({
  as,
  optional,
  nullable,
  default: byDefault,
  about,
  example,
  ...rules
}: Common<string> & TextRules = {}) =>
  Value(text(rules), withoutUndefined({ as, optional, nullable, default: byDefault, about, example }));

export const Flag = (given: Common<boolean> = {}) => Value(flag(), given);

export const OneOf = <const T extends string>(values: readonly T[], given: Common<T> = {}) =>
  Value(oneOf(values), given);

/** Property `createdAtMs` is the member `createdAt`. */
export const Time =
  ({ withinMs, ...given }: Omit<Common<number>, 'example'> & { readonly withinMs?: number } = {}): PropertyDecorator =>
  (target, property) =>
    Value(time(withinMs === undefined ? {} : { withinMs }), { as: String(property).replace(/Ms$/, ''), ...given })(
      target,
      property,
    );

export const Values = (
  item: Rules,
  {
    min,
    max,
    says,
    isDistinct,
    ...given
  }: Common<readonly unknown[]> & {
    readonly min?: number;
    readonly max?: number;
    readonly says?: string;
    readonly isDistinct?: boolean;
  },
) =>
  Value(
    listOf(item, {
      ...(max !== undefined && { max }),
      ...(min !== undefined && { min }),
      ...(says !== undefined && { says }),
      ...(isDistinct !== undefined && { isDistinct }),
    }),
    given,
  );

/** Any JSON, kept as the exact text. Its example is a value, not a text. */
export const RawJson = (given: Common & { readonly schema?: Schema } = {}) =>
  field({
    ...commonOf(given),
    kind: 'raw',
    says: 'any JSON',
    accepts: () => true,
    schema: described(given.schema ?? {}, given),
  });

/** Exact JSON text of a list whose items are of one of several classes. */
export const RawListOf = (itemsOf: () => readonly Shape[], given: Common = {}) =>
  field({
    ...commonOf(given),
    kind: 'raw',
    itemsOf,
    says: 'must be a list',
    accepts: () => true,
    schema: described({ type: 'array' }, given),
  });

export const Nested = (of: () => Shape, given: Omit<Common, 'default'> = {}) =>
  field({
    ...commonOf(given),
    kind: 'shape',
    of,
    says: 'must be a JSON object',
    accepts: () => true,
    schema: described({}, given),
  });

/** List of objects. */
export const ListOf = (
  of: () => Shape,
  { min = 0, max, ...given }: Common<readonly never[]> & { readonly min?: number; readonly max?: number } = {},
) =>
  field({
    ...commonOf(given),
    kind: 'list',
    of,
    says: max === undefined ? 'must be a list' : `must be a list of ${sizes(min, max)}`,
    accepts: (size) => (size as number) >= min && (size as number) <= (max ?? Infinity),
    schema: described(withoutUndefined({ type: 'array', minItems: min === 0 ? undefined : min, maxItems: max }), given),
  });

const DAY_MS = 86_400_000;

const commonOf = ({ as, optional, nullable = false, default: byDefault, example }: Common) => ({
  name: as,
  isRequired: optional !== true && byDefault === undefined,
  isNullable: nullable,
  default: byDefault,
  example,
});

const described = (schema: Schema, { about, default: byDefault, example }: Common): Schema =>
  withoutUndefined({
    ...schema,
    description: about,
    default: byDefault,
    examples: example === undefined ? undefined : [example],
  });

const sizes = (min: number, max: number) => (min === 0 ? `at most ${max}` : `${min} to ${max}`);

function withoutUndefined(given: Record<string, unknown>): Schema {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}

/** JSON Schema counts code points, `length` UTF-16 units. Points are counted only if that can change the result. */
function fits(given: string, min = 0, max = Number.MAX_SAFE_INTEGER): boolean {
  const { length } = given;
  if (length <= max) return length >= min && (min < 2 || length >= 2 * min || [...given].length >= min);
  return length <= 2 * max && [...given].length <= max;
}
