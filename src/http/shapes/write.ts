import { fieldsOf, type Field, type Shape } from './field.js';

type WriteValue = (value: unknown, out: Pieces, source: object) => void;

/** Characters. A raw member of this length stays a separate piece: joining would copy and measure it again. */
const LARGE_CHARACTERS = 16 * 1024;

/** Consecutive pieces of text; small members are joined at once. */
class Pieces {
  readonly done: string[] = [];
  text = '';

  raw(json: string): void {
    if (json.length < LARGE_CHARACTERS) {
      this.text += json;
      return;
    }
    this.done.push(this.text, json);
    this.text = '';
  }

  end(): readonly string[] {
    return this.done.length === 0 ? [this.text] : [...this.done, this.text];
  }
}

interface Member {
  readonly key: string;
  /** `{"name":` and `,"name":`. */
  readonly first: string;
  readonly next: string;
  readonly write: WriteValue;
}

const WRITERS = new WeakMap<Shape, (source: object, out: Pieces) => void>();

/** JSON text of an answer, in pieces. Undefined members are left out; raw ones are copied unchanged. */
export function writeJson<T extends object>(shape: Shape<T>, source: T): readonly string[] {
  const out = new Pieces();
  writerOf(shape)(source, out);
  return out.end();
}

function writerOf(shape: Shape): (source: object, out: Pieces) => void {
  const known = WRITERS.get(shape);
  if (known !== undefined) return known;
  const members = fieldsOf(shape).map((field): Member => ({
    key: field.key,
    first: `{${JSON.stringify(field.name)}:`,
    next: `,${JSON.stringify(field.name)}:`,
    write: valueWriter(field),
  }));
  const writer = (source: object, out: Pieces) => {
    let isEmpty = true;
    for (const { key, first, next, write } of members) {
      const value = (source as Record<string, unknown>)[key];
      if (value === undefined) continue;
      out.text += isEmpty ? first : next;
      write(value, out, source);
      isEmpty = false;
    }
    out.text += isEmpty ? '{}' : '}';
  };
  WRITERS.set(shape, writer);
  return writer;
}

function valueWriter({ kind, of, write }: Field): WriteValue {
  if (kind === 'raw') return (value, out) => out.raw(value as string);
  if (of !== undefined) {
    let inner: ((source: object, out: Pieces) => void) | undefined;
    const writeOne: WriteValue = (value, out) => {
      if (value === null) out.text += 'null';
      else (inner ??= writerOf(of()))(value as object, out);
    };
    return kind === 'shape' ? writeOne : listWriter(writeOne);
  }
  if (write === undefined) return (value, out) => (out.text += jsonOf(value));
  return (value, out, source) => (out.text += value === null ? 'null' : write(value as never, source as never));
}

function listWriter(writeOne: WriteValue): WriteValue {
  return (items, out) => {
    out.text += '[';
    let isFirst = true;
    for (const item of items as readonly unknown[]) {
      if (!isFirst) out.text += ',';
      isFirst = false;
      writeOne(item, out, items as object);
    }
    out.text += ']';
  };
}

/** Text that needs no escapes. */
const PLAIN = /^[\x20\x21\x23-\x5b\x5d-\x7e]*$/;

function jsonOf(value: unknown): string {
  if (typeof value === 'string') return PLAIN.test(value) ? `"${value}"` : JSON.stringify(value);
  return typeof value === 'number' ? String(value) : JSON.stringify(value);
}
