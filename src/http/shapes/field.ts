import { ValidateBy, ValidateIf } from 'class-validator';
import type { Issue } from '../http-errors.js';

/** JSON Schema 2020-12, as OpenAPI 3.1 takes it. */
export type Schema = Readonly<Record<string, unknown>>;
/** Class with fields declared by decorators. Its name is its name in the document. */
export type Shape<T extends object = object> = new () => T;

/** Rule of a single value, as a schema, as words and as a check. */
export interface Rules {
  readonly schema: Schema;
  readonly says: string;
  readonly accepts: (value: unknown) => boolean;
  /** Value of a text from a query, path or header; undefined if the text is invalid. */
  readonly parse?: (text: string) => unknown;
  /** The value is a text in JSON too, so `parse` runs there as well. */
  readonly isTextual?: boolean;
  /** JSON text of the value in an answer; `source` is the object around it. JSON.stringify by default. */
  readonly write?: (value: never, source: never) => string;
}

export interface Field extends Rules {
  /** `raw`: the exact text. `shape` and `list`: objects of the class `of`. */
  readonly kind: 'value' | 'raw' | 'shape' | 'list';
  /** Property of the class. */
  readonly key: string;
  /** Name in JSON, query, path or headers. */
  readonly name: string;
  readonly isRequired: boolean;
  readonly isNullable: boolean;
  readonly default?: unknown;
  readonly example?: unknown;
  readonly of?: () => Shape;
  /** Possible classes of an item of a raw list; for the document. */
  readonly itemsOf?: () => readonly Shape[];
}

/** Rule between the members of an object; `schema` is the same rule if JSON Schema can express it. */
export interface Rule<T extends object = object> {
  readonly schema?: Schema;
  readonly check: (shape: T) => Issue | undefined;
  /** By default the rule is checked only if all members are valid. True: always; invalid members are then undefined. */
  readonly alwaysChecked?: boolean;
}

const FIELDS = new WeakMap<object, Map<string, Field>>();
const RULES = new WeakMap<object, Rule[]>();

/** Fields of a class, those of its base class first. */
export function fieldsOf({ prototype }: Shape): readonly Field[] {
  const all = chain(prototype as object).flatMap((one) => [...(FIELDS.get(one) ?? [])]);
  return [...new Map(all).values()];
}

export function rulesOf({ prototype }: Shape): readonly Rule[] {
  return chain(prototype as object).flatMap((one) => RULES.get(one) ?? []);
}

function chain(prototype: object): readonly object[] {
  return prototype === Object.prototype ? [] : [...chain(Object.getPrototypeOf(prototype) as object), prototype];
}

/** Registers a property as a field, and its rule with class-validator. */
export function field(given: Omit<Field, 'key' | 'name'> & { readonly name?: string | undefined }): PropertyDecorator {
  return (target, property) => {
    const key = String(property);
    const fields = FIELDS.get(target) ?? new Map<string, Field>();
    FIELDS.set(target, fields.set(key, { ...given, key, name: given.name ?? key }));
    // IsOptional would let null pass as absent.
    if (!given.isRequired) ValidateIf((o: Record<string, unknown>) => o[key] !== undefined)(target, property);
    const validator = { validate: given.accepts, defaultMessage: () => given.says };
    if (given.of === undefined) ValidateBy({ name: key, validator })(target, property);
  };
}

/** Declares a rule between the members of a class. */
export function Holds<T extends object>(rule: Rule<T>): (shape: Shape<T>) => void {
  // Braces, since a value that a class decorator returns replaces the class.
  return ({ prototype }) => {
    RULES.set(prototype, [...(RULES.get(prototype) ?? []), rule as unknown as Rule]);
  };
}

/** At most one of these members may be given. */
export const AtMostOne =
  (first: string, second: string) =>
  (shape: Shape): void => {
    const [one, other] = keysOf(shape, [first, second]) as [string, string];
    Holds<Record<string, unknown>>({
      schema: { not: { required: [first, second], properties: { [first]: true, [second]: true } } },
      check: (made) =>
        made[one] === undefined || made[other] === undefined
          ? undefined
          : { pointer: `/${second}`, message: `either ${first} or ${second}, not both` },
    })(shape as Shape<Record<string, unknown>>);
  };

/** Exactly one of these members must be given. */
export const ExactlyOne =
  (...names: readonly string[]) =>
  (shape: Shape): void => {
    const keys = keysOf(shape, names);
    Holds<Record<string, unknown>>({
      schema: { oneOf: names.map((name) => ({ required: [name], properties: { [name]: true } })) },
      check: (made) =>
        keys.filter((key) => made[key] !== undefined).length === 1
          ? undefined
          : { pointer: '', message: `must have exactly one of ${names.join(', ')}` },
    })(shape as Shape<Record<string, unknown>>);
  };

/** Properties of the class, by the names of their members. */
function keysOf(shape: Shape, names: readonly string[]): readonly string[] {
  const fields = fieldsOf(shape);
  return names.map((name) => {
    const field = fields.find((one) => one.name === name);
    if (field === undefined) throw new Error(`${shape.name} has no member ${name}`);
    return field.key;
  });
}
