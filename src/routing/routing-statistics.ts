import { Injectable } from '@nestjs/common';
import { Engine } from '../engine/engine.js';
import { StoreUnavailableError } from '../engine/errors.js';
import { ServiceError } from '../service-error.js';
import { Agents } from './agents.js';
import { BOARD, countOf, TOTAL } from './decision.js';
import { Publications } from './publications.js';

/** What all replicas have decided, since the store began. */
export interface RoutingStatistics {
  readonly totalRoutes: number;
  /** Of the agents that are configured now, each with its count. */
  readonly agentUsage: Readonly<Record<string, number>>;
  /** JSON texts, newest first. */
  readonly recentDecisions: readonly string[];
}

@Injectable()
export class StatisticsOfRouting {
  constructor(
    private readonly engine: Engine,
    private readonly agents: Agents,
    private readonly publications: Publications,
  ) {}

  /** Includes every decision that this replica has made before. @throws StoreUnavailableError */
  async read(tenant: string): Promise<RoutingStatistics> {
    await this.publications.landed(tenant).catch((error: unknown) => {
      // A store that is full can still be read, and says what it knows.
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
