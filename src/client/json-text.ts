/** JSON that goes out as the text it is: a number of twenty digits, or a trailing zero, would not survive being parsed. */
export class JsonText {
  /** The text is known to be JSON; `of` is for texts of which it is not. */
  constructor(readonly text: string) {}

  /** @throws SyntaxError */
  static of(text: string): JsonText {
    JSON.parse(text);
    return new JsonText(text);
  }
}

/** Like JSON.stringify, with the texts in it kept. Members that are undefined are left out. */
export function toJson(value: unknown): string {
  if (value instanceof JsonText) return value.text;
  if (Array.isArray(value)) return `[${value.map(toJson).join(',')}]`;
  if (!isPlainObject(value)) return JSON.stringify(value) ?? 'null';
  const members = Object.entries(value).filter(([, member]) => member !== undefined);
  return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${toJson(member)}`).join(',')}}`;
}

/** Anything else (a Date, a class with toJSON) knows better how it is written. */
function isPlainObject(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || 'toJSON' in value) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
