import type { JsonNode } from './document.js';
import { hasSameText, jsonEqual } from './json-equal.js';
import { matchItems } from './match-items.js';
import { escapeToken } from './pointer.js';
import { rearrange } from './rearrange.js';

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
const WORK_PER_MEMBER = 100;
const WORK_PER_ITEM = 150;
const WORK_PER_SAME_ITEM = 30;
const WORK_PER_OPERATION = 400;
/** Work between two pauses of `diffInTurns`. */
const WORK_PER_TURN = 1_000_000;

/**
 * The changes from `a` to `b`. Values equal by `jsonEqual` count as unchanged, however they are written. Values in the patch have
 * the exact text of `b`. A part is replaced where the list of its changes would be longer than the part itself.
 */
export function diffDocuments(a: JsonNode, b: JsonNode, limits: DiffLimits = {}): Diff {
  const steps = diffInSteps(a, b, limits);
  for (;;) {
    const { done, value } = steps.next();
    if (done === true) return value;
  }
}

/** As `diffDocuments`, but awaits `pause` after every few milliseconds of work. */
export async function diffInTurns(a: JsonNode, b: JsonNode, pause: () => Promise<unknown>): Promise<Diff> {
  const steps = diffInSteps(a, b, {});
  for (;;) {
    const { done, value } = steps.next();
    if (done === true) return value;
    await pause();
  }
}

function* diffInSteps(a: JsonNode, b: JsonNode, limits: DiffLimits): Generator<void, Diff> {
  const { maxOperations = 10_000, maxWork = 16_000_000 } = limits;
  // Both texts are read once, whatever is found.
  const differences = new Differences(maxWork, a.length + b.length);
  try {
    yield* differences.between(a, b, '');
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
  #work: number;
  #workSincePause = 0;

  constructor(
    private readonly maxWork: number,
    work: number,
  ) {
    this.#work = work;
  }

  /** Yields now and then, so that the caller can pause. */
  *between(a: JsonNode, b: JsonNode, path: string): Generator<void, void> {
    if (hasSameText(a, b)) return;
    const count = this.operations.length;
    const length = this.#length;
    if (a.kind === 'object' && b.kind === 'object') {
      yield* this.#betweenObjects(a, b, path);
    } else if (a.kind === 'array' && b.kind === 'array') {
      yield* this.#betweenArrays(a, b, path);
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

  *#betweenObjects(a: JsonNode, b: JsonNode, path: string): Generator<void, void> {
    for (const container of [a, b]) {
      this.#open(container, WORK_PER_MEMBER);
      // The first look-up splits the container and maps its names.
      container.get('');
      if (this.#isPauseDue()) yield;
    }
    for (const [name] of a.members()) {
      if (b.get(name) === undefined) this.#emit('remove', `${path}/${escapeToken(name)}`);
      if (this.#isPauseDue(WORK_PER_MEMBER)) yield;
    }
    for (const [name, value] of b.members()) {
      const old = a.get(name);
      if (old === undefined) this.#emit('add', `${path}/${escapeToken(name)}`, value);
      else if (!hasSameText(old, value)) yield* this.between(old, value, `${path}/${escapeToken(name)}`);
      if (this.#isPauseDue(WORK_PER_MEMBER)) yield;
    }
  }

  /** Rearranges first, so that changes inside items use their final indexes. */
  *#betweenArrays(a: JsonNode, b: JsonNode, path: string): Generator<void, void> {
    const { start, end } = yield* this.#sameEnds(a, b);
    this.#spend((a.size + b.size - 2 * (start + end)) * WORK_PER_ITEM);
    if (this.#isPauseDue()) yield;
    const before = a.items(start, a.size - end);
    const after = b.items(start, b.size - end);
    const matches = matchItems(before, after);
    rearrange(before.length, matches, {
      remove: (index) => this.#emit('remove', `${path}/${start + index}`),
      move: (from, to) => this.#emit('move', `${path}/${start + to}`, undefined, `${path}/${start + from}`),
      add: (index, item) => this.#emit('add', `${path}/${start + index}`, after[item]),
    });
    if (this.#isPauseDue()) yield;
    for (const [j, i] of matches.entries()) {
      const old = before[i];
      const item = after[j] as JsonNode;
      if (old !== undefined && !hasSameText(old, item)) yield* this.between(old, item, `${path}/${start + j}`);
      if (this.#isPauseDue()) yield;
    }
  }

  /** Number of items at the start and at the end that have the same text. Most changes of a long array are few. */
  *#sameEnds(a: JsonNode, b: JsonNode): Generator<void, { start: number; end: number }> {
    this.#spend(2 * WORK_PER_CONTAINER);
    const shorter = Math.min(a.size, b.size);
    let start = 0;
    for (; start < shorter && hasSameText(a.itemAt(start), b.itemAt(start)); start++) {
      this.#spend(WORK_PER_SAME_ITEM);
      if (this.#isPauseDue()) yield;
    }
    let end = 0;
    for (; end < shorter - start; end++) {
      if (!hasSameText(a.itemAt(a.size - 1 - end), b.itemAt(b.size - 1 - end))) break;
      this.#spend(WORK_PER_SAME_ITEM);
      if (this.#isPauseDue()) yield;
    }
    return { start, end };
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

  /** Spends the cost of splitting a container. What is inside of its parts is not read. */
  #open(container: JsonNode, perPart: number): void {
    this.#spend(WORK_PER_CONTAINER + container.size * perPart);
  }

  /** `more` is work that is done now, and was spent before. */
  #isPauseDue(more = 0): boolean {
    this.#workSincePause += more;
    if (this.#workSincePause < WORK_PER_TURN) return false;
    this.#workSincePause = 0;
    return true;
  }

  #spend(work: number): void {
    this.#work += work;
    this.#workSincePause += work;
    if (this.#work > this.maxWork) throw new TooMuchWork();
  }
}
