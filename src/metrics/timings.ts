const BOUNDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** Histogram of durations for one set of labels. */
export class Timing {
  readonly #buckets = new Float64Array(BOUNDS.length + 1);
  #sum = 0;

  observe(seconds: number): void {
    let i = 0;
    while (i < BOUNDS.length && seconds > (BOUNDS[i] as number)) i++;
    this.#buckets[i] = (this.#buckets[i] as number) + 1;
    this.#sum += seconds;
  }

  /** Text format of Prometheus; its buckets are cumulative. */
  lines(name: string, labels: string): string[] {
    let count = 0;
    const buckets = [...this.#buckets].map((inBucket, i) => {
      count += inBucket;
      return `${name}_bucket{${labels},le="${BOUNDS[i] ?? '+Inf'}"} ${count}`;
    });
    return [...buckets, `${name}_sum{${labels}} ${this.#sum}`, `${name}_count{${labels}} ${count}`];
  }
}

/**
 * Histogram for the hot path. The histogram of the metrics library looks up and copies labels at each observation,
 * which is a tenth of the cost of a request. Here the caller keeps the `Timing` of its labels.
 */
export class Timings {
  readonly #byLabels = new Map<string, Timing>();

  constructor(
    private readonly name: string,
    private readonly help: string,
    private readonly labelNames: readonly string[],
  ) {}

  of(...values: readonly string[]): Timing {
    const labels = this.labelNames.map((label, i) => `${label}="${escaped(values[i] ?? '')}"`).join(',');
    let timing = this.#byLabels.get(labels);
    if (timing === undefined) this.#byLabels.set(labels, (timing = new Timing()));
    return timing;
  }

  text(): string {
    const lines = [...this.#byLabels].flatMap(([labels, timing]) => timing.lines(this.name, labels));
    return [`# HELP ${this.name} ${this.help}`, `# TYPE ${this.name} histogram`, ...lines, ''].join('\n');
  }
}

/** Counter without labels, for the hot path. */
export class Tally {
  #count = 0;

  constructor(
    private readonly name: string,
    private readonly help: string,
  ) {}

  add(count: number): void {
    this.#count += count;
  }

  text(): string {
    return `# HELP ${this.name} ${this.help}\n# TYPE ${this.name} counter\n${this.name} ${this.#count}\n`;
  }
}

/** Counter with labels, for the hot path: the caller keeps the count of its labels. */
export class Tallies {
  readonly #byLabels = new Map<string, { count: number }>();

  constructor(
    private readonly name: string,
    private readonly help: string,
    private readonly labelNames: readonly string[],
  ) {}

  of(...values: readonly string[]): { count: number } {
    const labels = this.labelNames.map((label, i) => `${label}="${escaped(values[i] ?? '')}"`).join(',');
    let counted = this.#byLabels.get(labels);
    if (counted === undefined) this.#byLabels.set(labels, (counted = { count: 0 }));
    return counted;
  }

  text(): string {
    const lines = [...this.#byLabels].map(([labels, { count }]) => `${this.name}{${labels}} ${count}`);
    return [`# HELP ${this.name} ${this.help}`, `# TYPE ${this.name} counter`, ...lines, ''].join('\n');
  }
}

function escaped(value: string): string {
  return value.replace(/[\\"\n]/g, (character) => (character === '\n' ? '\\n' : `\\${character}`));
}
