import type { JsonNode } from './document.js';
import { hasSameText, jsonEqual } from './json-equal.js';
import { matchItems } from './match-items.js';
import { escapeToken } from './pointer.js';
import { rearrange } from './rearrange.js';
import { countParts } from './visit-parts.js';

export interface DiffLimits {
  readonly maxOperations?: number;
  /** Bounds the time. Counted in characters read, so that the result does not depend on the machine. */
  readonly maxWork?: number;
}

export interface Diff {
  /** JSON text of an RFC 6902 patch that turns the first document into the second. */
  readonly operations: string;
  /** True when the changes exceed a limit and the patch replaces the whole document. */
  readonly truncated: boolean;
}

/** Below this length each change is listed, even where replacing a whole part would be shorter. */
const ALWAYS_DETAILED = 1024;

/** Measured costs, as the number of characters that can be read in the same time. */
const WORK_PER_CONTAINER = 200;
const WORK_PER_PART = 100;
const WORK_PER_OPERATION = 400;

/** Containers longer than this are counted before they are split, because parts take memory. */
const LARGE_LENGTH = 256 * 1024;

/**
 * The changes from `a` to `b`. Values equal by `jsonEqual` count as unchanged, however they are written. Values in the patch have
 * the exact text of `b`. A part is replaced where the list of its changes would be longer than the part itself.
 */
export function diffDocuments(a: JsonNode, b: JsonNode, limits: DiffLimits = {}): Diff {
  const { maxOperations = 10_000, maxWork = 24_000_000 } = limits;
  const differences = new Differences(maxWork);
  try {
    differences.between(a, b, '');
  } catch (error) {
    if (!(error instanceof TooMuchWork)) throw error;
    return replacement(b);
  }
  const { operations, replacesRootForBrevity } = differences;
  if (replacesRootForBrevity || operations.length > maxOperations) return replacement(b);
  return { operations: `[${operations.join(',')}]`, truncated: false };
}

function replacement(b: JsonNode): Diff {
  return { operations: `[{"op":"replace","path":"","value":${b.text}}]`, truncated: true };
}

class TooMuchWork extends Error {}

class Differences {
  /** JSON texts of the operations, in order. */
  readonly operations: string[] = [];
  replacesRootForBrevity = false;
  #length = 0;
  #work = 0;

  constructor(private readonly maxWork: number) {}

  between(a: JsonNode, b: JsonNode, path: string): void {
    if (hasSameText(a, b)) return;
    const count = this.operations.length;
    const length = this.#length;
    if (a.kind === 'object' && b.kind === 'object') {
      this.#betweenObjects(a, b, path);
    } else if (a.kind === 'array' && b.kind === 'array') {
      this.#betweenArrays(a, b, path);
    } else {
      if (!jsonEqual(a, b)) this.#emit('replace', path, b);
      return;
    }
    const detail = this.#length - length;
    if (detail > ALWAYS_DETAILED && detail > b.length) {
      this.operations.length = count;
      this.#length = length;
      this.replacesRootForBrevity = path === '';
      this.#emit('replace', path, b);
    }
  }

  #betweenObjects(a: JsonNode, b: JsonNode, path: string): void {
    this.#open(a, b);
    for (const [name] of a.members()) {
      if (b.get(name) === undefined) this.#emit('remove', `${path}/${escapeToken(name)}`);
    }
    for (const [name, value] of b.members()) {
      const old = a.get(name);
      if (old === undefined) this.#emit('add', `${path}/${escapeToken(name)}`, value);
      else if (!hasSameText(old, value)) this.between(old, value, `${path}/${escapeToken(name)}`);
    }
  }

  /** Rearranges first, so that changes inside items use their final indexes. */
  #betweenArrays(a: JsonNode, b: JsonNode, path: string): void {
    this.#open(a, b);
    const before = a.items();
    const after = b.items();
    const matches = matchItems(before, after);
    rearrange(before.length, matches, {
      remove: (index) => this.#emit('remove', `${path}/${index}`),
      move: (from, to) => this.#emit('move', `${path}/${to}`, undefined, `${path}/${from}`),
      add: (index, item) => this.#emit('add', `${path}/${index}`, after[item]),
    });
    matches.forEach((i, j) => {
      const old = before[i];
      const item = after[j] as JsonNode;
      if (old !== undefined && !hasSameText(old, item)) this.between(old, item, `${path}/${j}`);
    });
  }

  #emit(op: string, path: string, value?: JsonNode, from?: string): void {
    const source = from === undefined ? '' : `"from":${JSON.stringify(from)},`;
    const target = `"path":${JSON.stringify(path)}`;
    const content = value === undefined ? '' : `,"value":${value.text}`;
    const operation = `{"op":"${op}",${source}${target}${content}}`;
    this.#spend(operation.length + WORK_PER_OPERATION);
    this.#length += operation.length + 1;
    this.operations.push(operation);
  }

  /** Spends the cost of splitting containers. */
  #open(...containers: readonly JsonNode[]): void {
    for (const container of containers) {
      const isLarge = container.length > LARGE_LENGTH;
      this.#spend(container.length * (isLarge ? 2 : 1) + WORK_PER_CONTAINER);
      this.#spend((isLarge ? countParts(container.text) : container.size) * WORK_PER_PART);
    }
  }

  #spend(work: number): void {
    this.#work += work;
    if (this.#work > this.maxWork) throw new TooMuchWork();
  }
}
