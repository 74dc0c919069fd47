import { Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { Engine } from '../engine/engine.js';
import { availabilityOf, type AgentStatus } from './agent-status.js';
import { BoardReports } from './board-reports.js';
import type { Availability } from './choose-agent.js';
import { BOARD } from './decision.js';

/** The only tenant without authentication. Read at start, so that the first decision knows the statuses. */
const DEFAULT_TENANT = 'default';
/** Maximum age of a view that is used, in case hints are lost. */
const MAX_AGE_MS = 10_000;
/** Minimum time between two reads of the store, however often agents report. */
const MIN_INTERVAL_MS = 100;

/** Statuses reported by agents on any replica. Read in the background, so that no decision waits for the store. */
@Injectable()
export class AgentStatuses implements OnApplicationBootstrap, OnModuleDestroy {
  readonly #views = new Map<string, BoardView>();

  constructor(private readonly engine: Engine) {}

  onApplicationBootstrap(): void {
    this.#view(DEFAULT_TENANT);
  }

  onModuleDestroy(): void {
    for (const view of this.#views.values()) view.close();
  }

  /** Undefined without a report, or when the last one has expired. */
  availabilityOf(tenant: string, agentId: string): Availability | undefined {
    const status = this.#view(tenant).find(agentId);
    return status && availabilityOf(status);
  }

  /** Applies a report on this replica at once; other replicas read it from the store. */
  record(tenant: string, status: AgentStatus, keepMs: number): void {
    this.#view(tenant).record(status, keepMs);
  }

  #view(tenant: string): BoardView {
    let view = this.#views.get(tenant);
    if (view === undefined) this.#views.set(tenant, (view = new BoardView(this.engine, tenant)));
    return view;
  }
}

class BoardView {
  readonly #stop: () => void;
  #reported = new Map<string, { readonly status: AgentStatus; readonly untilMs: number }>();
  #readAt = 0;
  #isReading = false;
  #isStale = false;
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;
  readonly #reports = new BoardReports();

  constructor(
    private readonly engine: Engine,
    private readonly tenant: string,
  ) {
    this.#stop = engine.onChange(tenant, `board ${BOARD}`, () => this.#refresh());
    this.#refresh();
  }

  find(agentId: string): AgentStatus | undefined {
    if (performance.now() - this.#readAt > MAX_AGE_MS) this.#refresh();
    const reported = this.#reported.get(agentId);
    return reported !== undefined && reported.untilMs > Date.now() ? reported.status : undefined;
  }

  record(status: AgentStatus, keepMs: number): void {
    this.#reported.set(status.agentId, { status, untilMs: Date.now() + keepMs });
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#stop();
  }

  /** Starts a read, or repeats the running one when it is done. */
  #refresh(): void {
    if (this.#isClosed) return;
    this.#isStale = true;
    if (this.#isReading || this.#timer !== undefined) return;
    const wait = this.#readAt === 0 ? 0 : Math.max(0, this.#readAt + MIN_INTERVAL_MS - performance.now());
    this.#timer = setTimeout(() => void this.#read(), wait).unref();
  }

  async #read(): Promise<void> {
    this.#timer = undefined;
    this.#isReading = true;
    this.#isStale = false;
    this.#readAt = performance.now();
    try {
      const { notices } = await this.engine.readBoard(this.tenant, BOARD);
      this.#reported = new Map(
        this.#reports.in(this.tenant, notices).map(({ agentId, status, untilMs }) => [agentId, { status, untilMs }]),
      );
    } catch {
      // Known statuses stay until they expire. The engine logs and counts the outage, and sends a hint when the store is back.
    } finally {
      this.#isReading = false;
      if (this.#isStale) this.#refresh();
    }
  }
}
