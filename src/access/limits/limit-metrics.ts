import { Injectable } from '@nestjs/common';
import { Config } from '../../config/config.js';
import { Metrics } from '../../metrics/metrics.js';
import { OPERATIONS } from '../routes.js';

/** Decisions by one policy. */
export interface LimitCounts {
  readonly taken: Count;
  readonly refused: Count;
  /** Requests that the policy would refuse if it were enforced. */
  readonly shadow: Count;
  /** Requests that a local bucket decided, because the store was away. */
  readonly local: Count;
}

interface Count {
  count: number;
}

/**
 * Metrics of limits on this replica. Only names of policies in the settings are labels, since tenants can choose any
 * number of names.
 */
@Injectable()
export class LimitMetrics {
  readonly #decided;
  readonly #local;
  readonly #named: ReadonlySet<string>;
  readonly #counts = new Map<string, LimitCounts>();

  constructor(metrics: Metrics, { limits }: Config) {
    this.#decided = metrics.tallies('waymark_limits_total', 'Decisions of limits, by policy', ['policy', 'outcome']);
    this.#local = metrics.tallies('waymark_limits_local_total', 'Decisions by a local bucket, without the store', [
      'policy',
    ]);
    this.#named = new Set(['user', 'key', 'ip', ...OPERATIONS, ...Object.keys(limits.byDefault)]);
  }

  of(policy: string): LimitCounts {
    const label = policy.startsWith('queue:') ? 'queue' : this.#named.has(policy) ? policy : 'other';
    let counts = this.#counts.get(label);
    if (counts === undefined) {
      const of = (outcome: string) => this.#decided.of(label, outcome);
      counts = { taken: of('taken'), refused: of('refused'), shadow: of('shadow'), local: this.#local.of(label) };
      this.#counts.set(label, counts);
    }
    return counts;
  }
}
