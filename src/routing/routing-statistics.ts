import { Injectable } from '@nestjs/common';
import { Engine } from '../engine/engine.js';
import { StoreUnavailableError } from '../engine/errors.js';
import { ServiceError } from '../service-error.js';
import { Agents } from './agents.js';
import { BOARD, countOf, TOTAL } from './decision.js';
import { Publications } from './publications.js';

/** Decisions of all replicas. */
export interface RoutingTotals {
  readonly totalRoutes: number;
  /** Decisions for each currently configured agent. */
  readonly agentUsage: Readonly<Record<string, number>>;
  /** JSON texts, newest first. */
  readonly recentDecisions: readonly string[];
}

@Injectable()
export class RoutingStatistics {
  constructor(
    private readonly engine: Engine,
    private readonly agents: Agents,
    private readonly publications: Publications,
  ) {}

  /** Includes all earlier decisions of this replica. @throws StoreUnavailableError */
  async read(tenant: string): Promise<RoutingTotals> {
    await this.publications.flushed(tenant).catch((error: unknown) => {
      // A full store can still be read.
      if (!(error instanceof ServiceError && error.code === 'STORE_FULL')) {
        throw new StoreUnavailableError({ cause: error });
      }
    });
    const { counts, entries } = await this.engine.readBoard(tenant, BOARD);
    const usage = this.agents.all.map(({ id }) => [id, counts[countOf(id)] ?? 0]);
    return {
      totalRoutes: counts[TOTAL] ?? 0,
      agentUsage: Object.fromEntries(usage) as Record<string, number>,
      recentDecisions: entries,
    };
  }
}
