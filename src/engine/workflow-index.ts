import { crc32 } from 'node:zlib';
import { compilePointers, type PointerSet } from '../json/pointer-set.js';
import { parsePointer } from '../json/pointer.js';
import type { JsonKind } from '../json/characters.js';
import type { JsonNode } from '../json/document.js';
import { findValues } from '../json/find-values.js';
import { scanJson, type JsonSlice } from '../json/scan.js';
import type { IndexValues } from './commit.js';

const MAX_VALUE_LENGTH = 256;

/** Values of a state as a journal keeps them: the name of the index that found them, then a value for each of its fields. */
export type KeptIndexValues = readonly [index: string, ...values: (string | null)[]];

/** Indexed fields of states: JSON Pointers, each named by its last segment. */
export class WorkflowIndex {
  readonly fields: readonly string[];
  readonly #tokens: readonly (readonly string[])[];
  readonly #pointers: PointerSet;
  /** Names the pointers, so that values of other pointers are not taken for values of these. */
  readonly #name: string;

  constructor(pointers: readonly string[]) {
    this.#tokens = pointers.map(parsePointer);
    this.#pointers = compilePointers(this.#tokens);
    this.fields = this.#tokens.map((tokens) => tokens.at(-1) ?? '');
    this.#name = crc32(JSON.stringify(this.#tokens)).toString(36);
  }

  kept(values: IndexValues): KeptIndexValues {
    return [this.#name, ...this.fields.map((field) => values[field] ?? null)];
  }

  /** The reverse of `kept`; undefined if the values are those of other pointers. */
  ofKept(kept: KeptIndexValues): IndexValues | undefined {
    if (kept[0] !== this.#name) return undefined;
    const values: Record<string, string> = {};
    for (let i = 0; i < this.fields.length; i++) {
      const value = kept[i + 1];
      if (typeof value === 'string') values[this.fields[i] as string] = value;
    }
    return values;
  }

  /** Paths of the indexed fields below `prefix`, for callers that scan a larger document anyway. */
  below(prefix: readonly string[]): readonly (readonly string[])[] {
    return this.#tokens.map((tokens) => [...prefix, ...tokens]);
  }

  /** `found` are the slices of the fields within `text`, in the order of `fields`. */
  ofSlices(text: string, found: readonly (JsonSlice | undefined)[]): IndexValues {
    const values: Record<string, string> = {};
    for (let i = 0; i < this.fields.length; i++) {
      const slice = found[i];
      const value = slice && indexText(text.slice(slice.start, slice.end), slice.kind);
      if (value !== undefined) values[this.fields[i] as string] = value;
    }
    return values;
  }

  /** Without validation: the text was validated as part of a larger one. */
  ofValidState(text: string): IndexValues {
    return this.ofSlices(text, findValues(text, this.#pointers));
  }

  ofDocument(document: JsonNode): IndexValues {
    const values: Record<string, string> = {};
    for (const [i, tokens] of this.#tokens.entries()) {
      const node = document.at(tokens);
      // A container is not indexed, and its text may be long.
      const value = node === undefined || node.levels > 0 ? undefined : indexText(node.text, node.kind);
      if (value !== undefined) values[this.fields[i] as string] = value;
    }
    return values;
  }

  /** Also validates the text. @throws InvalidJsonError */
  ofState(text: string): IndexValues {
    return this.ofSlices(text, scanJson(text, { find: this.#pointers }).found);
  }
}

/** Only strings, numbers and booleans are indexed: as text, so that a query string can name them. */
function indexText(raw: string, kind: JsonKind): string | undefined {
  switch (kind) {
    case 'string': {
      const value = JSON.parse(raw) as string;
      return value.length <= MAX_VALUE_LENGTH ? value : undefined;
    }
    case 'number':
      return String(Number(raw));
    case 'boolean':
      return raw;
    default:
      return undefined;
  }
}
