import { Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { Engine } from '../engine/engine.js';
import { standingOf, type AgentStatus } from './agent-status.js';
import type { Standing } from './choose-agent.js';
import { BOARD } from './decision.js';

/** With authentication off the only one; known from the start, so that the first decision of a new replica is no blind one. */
const USUAL_TENANT = 'default';
/** Hints say when something has changed; should they fail without a word, a view becomes no older than this while it is used. */
const STALE_MS = 10_000;
/** However often agents report, the store is asked no more often. */
const GAP_MS = 100;

interface Reported {
  readonly status: AgentStatus;
  readonly untilMs: number;
}

/** What agents have said of themselves, to any replica: read in the background, so that a decision asks nobody. */
@Injectable()
export class AgentStatuses implements OnApplicationBootstrap, OnModuleDestroy {
  readonly #views = new Map<string, View>();

  constructor(private readonly engine: Engine) {}

  onApplicationBootstrap(): void {
    this.#view(USUAL_TENANT);
  }

  onModuleDestroy(): void {
    for (const view of this.#views.values()) view.close();
  }

  /** Undefined when the agent has said nothing, or nothing lately. */
  standingOf(tenant: string, agentId: string): Standing | undefined {
    const status = this.#view(tenant).find(agentId);
    return status && standingOf(status);
  }

  /** Known here at once; the other replicas hear of it through the store. */
  heard(tenant: string, status: AgentStatus, keepMs: number): void {
    this.#view(tenant).heard(status, keepMs);
  }

  #view(tenant: string): View {
    let view = this.#views.get(tenant);
    if (view === undefined) this.#views.set(tenant, (view = new View(this.engine, tenant)));
    return view;
  }
}

class View {
  readonly #stop: () => void;
  #reported = new Map<string, Reported>();
  #readAt = 0;
  #isReading = false;
  #isOld = false;
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(
    private readonly engine: Engine,
    private readonly tenant: string,
  ) {
    this.#stop = engine.onChange(tenant, `board ${BOARD}`, () => this.#renew());
    this.#renew();
  }

  find(agentId: string): AgentStatus | undefined {
    if (performance.now() - this.#readAt > STALE_MS) this.#renew();
    const reported = this.#reported.get(agentId);
    return reported !== undefined && reported.untilMs > Date.now() ? reported.status : undefined;
  }

  heard(status: AgentStatus, keepMs: number): void {
    this.#reported.set(status.agentId, { status, untilMs: Date.now() + keepMs });
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#stop();
  }

  /** One reading at a time; what changes meanwhile is read after it. */
  #renew(): void {
    if (this.#isClosed) return;
    this.#isOld = true;
    if (this.#isReading || this.#timer !== undefined) return;
    const wait = this.#readAt === 0 ? 0 : Math.max(0, this.#readAt + GAP_MS - performance.now());
    this.#timer = setTimeout(() => void this.#read(), wait);
    this.#timer.unref();
  }

  async #read(): Promise<void> {
    this.#timer = undefined;
    this.#isReading = true;
    this.#isOld = false;
    this.#readAt = performance.now();
    try {
      const { notices } = await this.engine.readBoard(this.tenant, BOARD);
      this.#reported = new Map(
        notices.map(({ text, untilMs }) => {
          const status = JSON.parse(text) as AgentStatus;
          return [status.agentId, { status, untilMs }];
        }),
      );
    } catch {
      // What was known stays until its time is over; the engine counts and logs that the store is away, and hints when it is back.
    } finally {
      this.#isReading = false;
      if (this.#isOld) this.#renew();
    }
  }
}
