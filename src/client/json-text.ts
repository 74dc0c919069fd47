/** JSON sent as its exact text. Parsing would change a number of twenty digits or a trailing zero. */
export class JsonText {
  /** The text is not checked; `of` checks it. */
  constructor(readonly text: string) {}

  /** @throws SyntaxError */
  static of(text: string): JsonText {
    JSON.parse(text);
    return new JsonText(text);
  }
}

/** JSON.stringify that keeps every JsonText exactly. Undefined members are left out. */
export function toJson(value: unknown): string {
  if (value instanceof JsonText) return value.text;
  if (Array.isArray(value)) return `[${value.map(toJson).join(',')}]`;
  if (!isPlainObject(value)) return JSON.stringify(value) ?? 'null';
  const members = Object.entries(value).filter(([, member]) => member !== undefined);
  return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${toJson(member)}`).join(',')}}`;
}

/** Other objects (a Date, a class with toJSON) serialise themselves. */
function isPlainObject(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || 'toJSON' in value) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
