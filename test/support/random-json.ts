/** Random JSON documents for tests, repeatable by seed. */
export class RandomJson {
  #state: number;

  constructor(seed: number) {
    this.#state = seed;
  }

  /** From 0 to below `limit`. A linear congruential generator; mixing improves its weak low bits. */
  integer(limit: number): number {
    this.#state = (Math.imul(this.#state, 1_664_525) + 1_013_904_223) | 0;
    const mixed = Math.imul(this.#state ^ (this.#state >>> 15), 0x2c1b3c6d);
    return ((mixed ^ (mixed >>> 13)) >>> 0) % limit;
  }

  pick<T>(choices: readonly T[]): T {
    return choices[this.integer(choices.length)] as T;
  }

  /** Up to four levels. Names and values are few and awkward, so that two documents have much in common. */
  document(level = 0): string {
    switch (level > 3 ? 0 : this.integer(5)) {
      case 0:
      case 1:
        return this.pick(SCALARS);
      case 2:
        return this.#list(
          '{',
          '}',
          this.names().map((name) => `${name}${this.#space()}:${this.document(level + 1)}`),
        );
      case 3:
        return this.itemsWithIds(level);
      default:
        return this.#list(
          '[',
          ']',
          Array.from({ length: this.integer(7) }, () => this.document(level + 1)),
        );
    }
  }

  /** An array of objects with unique ids; two such arrays share many ids in different order. */
  itemsWithIds(level = 0): string {
    const ids = IDS.filter(() => this.integer(3) > 0).toSorted(() => this.integer(3) - 1);
    return this.#list(
      '[',
      ']',
      ids.map((id) => `{"id":${id},"value":${this.document(level + 1)}}`),
    );
  }

  /** A random selection; some names are escaped, and some are special in JavaScript, like `__proto__`. */
  names(): string[] {
    return NAMES.filter(() => this.integer(3) === 0);
  }

  #list(open: string, close: string, parts: readonly string[]): string {
    return `${open}${this.#space()}${parts.join(`${this.#space()},${this.#space()}`)}${close}`;
  }

  #space(): string {
    return this.pick(['', '', '', ' ', '\n\t']);
  }
}

const NAMES = [
  '"a"',
  '"b"',
  '"__proto__"',
  '"constructor"',
  '"prototype"',
  '"c~d"',
  '"e/f"',
  '"10"',
  '"9"',
  '"\\u0069d"',
  '""',
];
const IDS = ['"x"', '"y"', '"z"', '1', '2', 'true', 'null', '"\\u0077"', '"v"'];
const KEYWORDS = ['null', 'true', 'false', '[]', '{}'];
const NUMBERS = ['0', '-0', '1', '1.0', '10e-1', '2', '-1.50', '9007199254740993', '9007199254740992', '1e-400'];
const STRINGS = ['""', '"a"', '"\\u0061"', '"\\/~0"', '"\\ud83d\\ude00"', '"😀"', '"line\\nbreak"'];
const SCALARS = [...KEYWORDS, ...NUMBERS, ...STRINGS];
