type Json = Record<string, unknown>;

export interface Parameter {
  readonly name: string;
  readonly in: string;
  readonly required?: boolean;
  readonly example?: unknown;
  readonly schema: Json;
}

/** A value at a boundary of a schema, and what it is about. */
export interface BoundaryCase {
  readonly about: string;
  readonly value: unknown;
}

const OTHER_TYPES: readonly unknown[] = [null, true, 0, 1.5, 'text', [], {}];
const TEXTS = [
  '',
  'a',
  'count',
  '.a',
  'a.b',
  'a b',
  'é',
  'a/b',
  'orders.dlq',
  'orders.dlq.dlq',
  'keep',
  'null',
  'a\u0000',
];
const TIMES = [
  '2026-01-31T12:00:00Z',
  '2026-01-31t12:00:00.123456z',
  '2026-01-31T12:00:00+05:30',
  '2026-01-31 12:00:00Z',
  '2026-02-30T12:00:00Z',
  '2026-01-31T24:00:00Z',
  '2026-01-31T12:00:60Z',
  '2026-01-31T12:00:00',
  '2026-01-31',
];
const ASTRAL = '\u{1f9ed}';
/** Of a body: longer texts would be about its size. */
const MAX_LENGTH = 4096;

/** Values at and one beyond each boundary of schemas, from examples that are valid. */
export class Boundaries {
  constructor(private readonly components: Readonly<Record<string, Json>>) {}

  /** Cases of a body, one change of the example each. */
  of(schema: Json, example: unknown): readonly BoundaryCase[] {
    const cases = [{ about: 'the example', value: example }, ...this.#cases(schema, example, '')];
    return [...new Map(cases.map((one) => [JSON.stringify(one.value), one])).values()];
  }

  /** Texts of a parameter in a query or a path. */
  texts(given: Json): readonly string[] {
    return this.#alternatives(given).flatMap((schema) => {
      const { minimum, maximum } = schema as { minimum?: number; maximum?: number };
      const around = [minimum, maximum].flatMap((n) => (n === undefined ? [] : [n - 1, n, n + 1]));
      const numbers = [...around, 1.5].filter((n) => Number.isSafeInteger(n) || n === 1.5).map(String);
      return [...numbers, ...this.#textsOf(schema).filter((text) => text.length <= 300)];
    });
  }

  #resolve(schema: Json): Json {
    const { $ref, ...rest } = schema;
    if (typeof $ref !== 'string') return schema;
    return { ...this.components[$ref.slice('#/components/schemas/'.length)], ...rest };
  }

  /** The schema itself, or what it offers by anyOf and oneOf. */
  #alternatives(given: Json): readonly Json[] {
    const schema = this.#resolve(given);
    const offered = [...((schema['anyOf'] as Json[]) ?? []), ...((schema['oneOf'] as Json[]) ?? [])];
    return [schema, ...offered.flatMap((one) => this.#alternatives(one))];
  }

  #cases(given: Json, example: unknown, at: string): readonly BoundaryCase[] {
    // Any JSON will do.
    if (!['type', 'anyOf', 'oneOf', 'enum', 'const', '$ref'].some((name) => name in given)) return [];
    const cases: BoundaryCase[] = OTHER_TYPES.map((value) => ({ about: `${at} is ${JSON.stringify(value)}`, value }));
    for (const schema of this.#alternatives(given)) cases.push(...this.#ofType(schema, example, at));
    return cases;
  }

  #ofType(schema: Json, example: unknown, at: string): readonly BoundaryCase[] {
    const types = [schema['type']].flat();
    if (types.includes('object') || schema['properties'] !== undefined) return this.#ofObject(schema, example, at);
    if (types.includes('array')) return this.#ofArray(schema, example, at);
    if (types.includes('integer')) {
      const { minimum, maximum } = schema as { minimum?: number; maximum?: number };
      const around = [minimum, maximum].flatMap((n) => (n === undefined ? [] : [n - 1, n, n + 1]));
      return around.filter(Number.isSafeInteger).map((value) => ({ about: `${at} is ${value}`, value }));
    }
    return this.#textsOf(schema).map((value) => ({
      about: `${at} is a text of ${[...value].length}: ${value.slice(0, 20)}`,
      value,
    }));
  }

  #textsOf(schema: Json): readonly string[] {
    if (schema['enum'] !== undefined) return [...(schema['enum'] as unknown[]).map(String), 'NOT_ONE', ''];
    if (![schema['type']].flat().includes('string')) return [];
    if (schema['format'] === 'date-time') return TIMES;
    const {
      minLength,
      maxLength,
      pattern = '',
    } = schema as { minLength?: number; maxLength?: number; pattern?: string };
    // A pattern ends with the most characters that may follow the first one.
    const longest = /\{\d+,(\d+)\}(?:\(\\\.dlq\)\?)?\$$/.exec(pattern)?.[1];
    const lengths = [
      minLength,
      maxLength,
      longest === undefined ? undefined : Number(longest),
      longest === undefined ? undefined : Number(longest) + 1,
    ]
      .flatMap((n) => (n === undefined || n > MAX_LENGTH ? [] : [n - 1, n, n + 1]))
      .filter((n) => n >= 0);
    return [...new Set([...TEXTS, ...lengths.flatMap((n) => ['a'.repeat(n), ASTRAL.repeat(n)])])];
  }

  #ofArray(schema: Json, example: unknown, at: string): readonly BoundaryCase[] {
    const item = (Array.isArray(example) ? example[0] : undefined) ?? this.sample(schema['items'] as Json);
    const { minItems = 0, maxItems } = schema as { minItems?: number; maxItems?: number };
    const sizes = [minItems - 1, minItems, maxItems, maxItems === undefined ? undefined : maxItems + 1];
    return [
      ...sizes
        .filter((size): size is number => size !== undefined && size >= 0)
        .map((size) => ({
          about: `${at} has ${size}`,
          value: Array.from({ length: size }, (_, i) => distinct(item, i)),
        })),
      ...this.#cases(schema['items'] as Json, item, `${at}/0`).map(({ about, value }) => ({ about, value: [value] })),
    ];
  }

  #ofObject(schema: Json, example: unknown, at: string): readonly BoundaryCase[] {
    const { properties = {} } = schema as { properties?: Record<string, Json> };
    const whole = { ...(typeof example === 'object' && !Array.isArray(example) ? example : {}) } as Json;
    const cases: BoundaryCase[] = [
      { about: `${at} has an unknown member`, value: { ...whole, nope: 1 } },
      { about: `${at} has a member __proto__`, value: JSON.parse(`{"__proto__":1${rest(whole)}}`) },
    ];
    const optional: Json = {};
    for (const [name, inner] of Object.entries(properties)) {
      const { [name]: present, ...without } = whole;
      cases.push({ about: `${at}/${name} is missing`, value: without });
      const value = present ?? this.sample(inner);
      for (const one of this.#cases(inner, value, `${at}/${name}`))
        cases.push({ about: one.about, value: { ...whole, [name]: one.value } });
      if (!((schema['required'] as string[]) ?? []).includes(name)) optional[name] = value;
    }
    const names = Object.keys(optional);
    const required = Object.fromEntries(Object.entries(whole).filter(([name]) => !names.includes(name)));
    names.forEach((one, i) => {
      cases.push({ about: `${at} with ${one} alone`, value: { ...required, [one]: optional[one] } });
      for (const other of names.slice(i + 1)) {
        cases.push({
          about: `${at} with ${one} and ${other}`,
          value: { ...required, [one]: optional[one], [other]: optional[other] },
        });
      }
    });
    return cases;
  }

  /** A valid value of a schema. */
  sample(given: Json): unknown {
    const schema = this.#resolve(given);
    const [example] = (schema['examples'] as unknown[]) ?? [];
    if (example !== undefined) return example;
    if (schema['default'] !== undefined) return schema['default'];
    if (schema['enum'] !== undefined) return (schema['enum'] as unknown[])[0];
    if (schema['const'] !== undefined) return schema['const'];
    const [first] = [...((schema['anyOf'] as Json[]) ?? []), ...((schema['oneOf'] as Json[]) ?? [])];
    const type = [schema['type']].flat()[0];
    if (type === 'object') {
      const { properties = {}, required = [] } = schema as { properties?: Record<string, Json>; required?: string[] };
      const one = Object.fromEntries(required.map((name) => [name, this.sample(properties[name] as Json)]));
      return first === undefined ? one : { ...one, ...(this.#sampleOfNames(first, properties) as object) };
    }
    if (type === 'array')
      return Array.from({ length: (schema['minItems'] as number) ?? 0 }, () => this.sample(schema['items'] as Json));
    if (type === 'integer' || type === 'number') return schema['minimum'] ?? 1;
    if (type === 'boolean') return true;
    if (type === 'string') return schema['format'] === 'date-time' ? TIMES[0] : 'sample';
    return first === undefined ? {} : this.sample(first);
  }

  /** The members that an alternative asks for. */
  #sampleOfNames({ required = [] }: Json, properties: Record<string, Json>): Json {
    return Object.fromEntries((required as string[]).map((name) => [name, this.sample(properties[name] as Json)]));
  }
}

/** Items of one list must not name the same thing twice. */
function distinct(item: unknown, i: number): unknown {
  if (typeof item === 'string') return `${item}-${i}`;
  if (typeof item !== 'object' || item === null || !('id' in item)) return item;
  return { ...item, id: `${String(item.id)}-${i}` };
}

function rest(members: Json): string {
  const text = JSON.stringify(members).slice(1, -1);
  return text === '' ? '' : `,${text}`;
}
