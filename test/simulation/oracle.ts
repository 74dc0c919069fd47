/** Kinds of violations; the names are those of the command line and of docs/testing.md. */
export type ViolationKind =
  /** One tag, or one event id, names two contents. */
  | 'fork'
  /** A version replaced one that its writer had not seen. */
  | 'overwritten'
  /** A write took effect twice. */
  | 'twice'
  /** An acknowledged write is nowhere. */
  | 'lost'
  /** A refused write took effect. */
  | 'refused'
  /** A task was in two hands. */
  | 'lease'
  /** A reader of the feed missed an event, or had one twice, and was not told. */
  | 'feed'
  /** A replica did not come back after the faults had ended. */
  | 'stuck'
  /** An error that no client should see. */
  | 'threw';

export interface Violation {
  readonly kind: ViolationKind;
  readonly says: string;
}

export type Fate = 'sent' | 'acknowledged' | 'unknown' | 'refused';

/** A write of a client. It adds a mark of its own to those of the state that it was made on. */
export interface MarkedWrite {
  readonly mark: string;
  readonly id: string;
  readonly what: string;
  /** Marks of the state that it was made on. */
  readonly seen: readonly string[];
  readonly isBlind?: boolean;
  /** Requests without an answer: under way, or of a replica that has died. */
  open: number;
  fate: Fate;
  /** Deadline that the client was told; null is never. */
  deadlineMs: number | null;
}

export interface State {
  readonly seen: readonly string[];
  /** Mark of the write that made this version. */
  readonly by: string;
  /** The write had no condition, so it may replace what it has not seen. */
  readonly blind?: true;
}

export interface Version {
  readonly etag: string;
  readonly text: string;
  readonly updatedAtMs: number;
}

/** Knows what clients were told, and finds where that was not kept. */
export class Oracle {
  readonly violations: Violation[] = [];
  readonly writes = new Map<string, MarkedWrite>();
  /** Marks that a failover has lost, that expired with their workflow, and that a client has deleted. */
  readonly excused = new Set<string>();
  readonly over = new Set<string>();
  /** Marks of writes that were sent more than a day ago: their once keys have ended, so a repeat may count. */
  readonly keyless = new Set<string>();
  readonly #contents = new Map<string, string>();

  constructor(private readonly log: (line: string) => void) {}

  violation(kind: ViolationKind, says: string): void {
    if (this.violations.some((known) => known.kind === kind && known.says === says)) return;
    this.violations.push({ kind, says });
    this.log(`VIOLATION ${kind}: ${says}`);
  }

  /** One name, one content: told of each read, answer and version, and of each event. */
  saw(name: string, text: string): void {
    const known = this.#contents.get(name);
    if (known !== undefined && known !== text) this.violation('fork', `${name} is ${known} and ${text}`);
    else this.#contents.set(name, text);
  }

  /** A workflow has ended, by its deadline or by a client. */
  ended(text: string): void {
    for (const mark of this.withReplaced(marksIn(text))) this.over.add(mark);
  }

  /**
   * Marks of a state, and those that it may have replaced without showing them: with a blind write among them, the marks
   * of all writes to its workflow until now.
   */
  withReplaced(marks: readonly string[]): readonly string[] {
    const blind = marks.map((mark) => this.writes.get(mark)).find((write) => write?.isBlind === true);
    if (blind === undefined) return marks;
    const known = [...this.writes.values()].filter(({ id, fate }) => id === blind.id && fate !== 'sent');
    return [...marks, ...known.map(({ mark }) => mark)];
  }

  /**
   * The versions of one workflow, oldest first: each has seen all that came before it, and has each mark once. `conflicts`: marks that are kept
   * as conflicts.
   */
  judge(id: string, versions: readonly Version[], conflicts: ReadonlySet<string>, nowMs: number): void {
    const makers = new Set<string>();
    /** By mark: the time of the first kept version that has it. */
    const present = new Map<string, number>();
    let before: readonly string[] = [];
    for (const { etag, text, updatedAtMs } of versions) {
      this.saw(etag, text);
      const { seen, by, blind } = JSON.parse(text) as State;
      const unseen = blind ? [] : before.filter((mark) => !seen.includes(mark) && !conflicts.has(mark));
      if (unseen.length > 0) this.violation('overwritten', `${etag} of ${id} by ${by} has not seen ${unseen.join()}`);
      const repeated = seen.filter((mark, i) => seen.indexOf(mark) !== i);
      if (makers.has(by)) repeated.push(by);
      if (repeated.some((mark) => !this.keyless.has(mark))) this.violation('twice', `${by} in ${etag} of ${id}`);
      makers.add(by);
      for (const mark of seen) present.set(mark, Math.min(updatedAtMs, present.get(mark) ?? updatedAtMs));
      before = seen;
    }
    for (const write of this.writes.values()) if (write.id === id) this.#judgeWrite(write, present, conflicts, nowMs);
  }

  #judgeWrite(
    { mark, id, what, seen, fate, deadlineMs }: MarkedWrite,
    present: ReadonlyMap<string, number>,
    conflicts: ReadonlySet<string>,
    nowMs: number,
  ): void {
    const isKept = present.has(mark) || conflicts.has(mark);
    if (fate === 'refused' && isKept) this.violation('refused', `${what} ${mark} of ${id} took effect`);
    if (fate !== 'acknowledged' || isKept || this.excused.has(mark) || this.over.has(mark)) return;
    // A write whose time is over is not kept for itself: only if the workflow that it was made on goes on. A lost write that
    // was repeated after that time has made another workflow.
    const isOver = deadlineMs !== null && deadlineMs <= nowMs;
    if (isOver && !seen.some((one) => (present.get(one) ?? Infinity) <= deadlineMs)) return;
    this.violation('lost', `${what} ${mark} of ${id} is nowhere`);
  }
}

export function marksIn(text: string): readonly string[] {
  return text.match(/\bm\d+\b/g) ?? [];
}
