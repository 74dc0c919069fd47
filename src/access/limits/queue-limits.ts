import { Injectable } from '@nestjs/common';
import type { Pace } from '../../engine/task.js';
import { Leases } from './leases.js';
import { LimitMetrics } from './limit-metrics.js';
import { bucketOf } from './limit.js';
import { TenantPolicies } from './tenant-policies.js';

/** Limit of a queue, for one claim. */
export interface QueueLimit {
  /** Undefined in shadow mode: the claim is not limited. */
  readonly pace: Pace | undefined;
  /** Call this with the number of tasks that were leased. */
  counted(count: number): void;
}

/**
 * Policies `queue:<name>`, which count tasks and not requests. They apply to every claim of every caller: the store
 * takes the tokens in the same step as the tasks.
 */
@Injectable()
export class QueueLimits {
  constructor(
    private readonly policies: TenantPolicies,
    private readonly leases: Leases,
    private readonly metrics: LimitMetrics,
  ) {}

  of(tenant: string, queue: string): QueueLimit | undefined {
    const name = `queue:${queue}`;
    const policy = this.policies.ofTenant(tenant).get(name);
    if (policy === undefined) return undefined;
    const bucket = bucketOf(name);
    const counts = this.metrics.of(name);
    if (policy.mode === 'enforce')
      return { pace: { bucket, rate: policy }, counted: (count) => void (counts.taken.count += count) };
    const lease = this.leases.of(tenant, bucket, policy, counts.local);
    const takeOne = async () => {
      const isGranted = await this.leases.spend(lease, 1);
      (isGranted ? counts.taken : counts.shadow).count++;
    };
    return {
      pace: undefined,
      counted: (count) => {
        for (let i = 0; i < count; i++) void takeOne();
      },
    };
  }
}
