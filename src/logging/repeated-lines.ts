/** Time for which lines of one kind are counted after the first of them. */
const COUNTED_MS = 10_000;

/** Gathers lines that repeat: the first of a kind is logged at once, later ones are counted and told together. */
export class RepeatedLines {
  readonly #counts = new Map<string, number>();

  constructor(
    private readonly tell: (kind: string, count: number) => void,
    private readonly countedMs = COUNTED_MS,
  ) {}

  /** Whether a line of this kind is to be logged. If not, it is counted. */
  isDue(kind: string): boolean {
    const count = this.#counts.get(kind);
    if (count !== undefined) {
      this.#counts.set(kind, count + 1);
      return false;
    }
    this.#counts.set(kind, 0);
    setTimeout(() => this.#end(kind), this.countedMs).unref();
    return true;
  }

  #end(kind: string): void {
    const count = this.#counts.get(kind) ?? 0;
    this.#counts.delete(kind);
    if (count > 0) this.tell(kind, count);
  }
}
