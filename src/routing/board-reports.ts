import { Logger } from '@nestjs/common';
import type { Notice } from '../engine/board.js';
import type { AgentStatus } from './agent-status.js';

export interface BoardReport {
  readonly agentId: string;
  readonly status: AgentStatus;
  readonly untilMs: number;
}

const MAX_LOGGED = 1000;

/** Reads reports of agents from a board. One that another program has damaged is skipped, and logged once. */
export class BoardReports {
  readonly #logger = new Logger('Agents');
  readonly #logged = new Set<string>();

  in(tenant: string, notices: readonly Notice[]): BoardReport[] {
    return notices.flatMap(({ name: agentId, text, untilMs }) => {
      const status = statusIn(text);
      if (status === undefined) this.#log(tenant, agentId);
      return status === undefined ? [] : { agentId, status, untilMs };
    });
  }

  #log(tenant: string, agentId: string): void {
    const key = `${tenant} ${agentId}`;
    if (this.#logged.has(key) || this.#logged.size >= MAX_LOGGED) return;
    this.#logged.add(key);
    this.#logger.error(`the stored report of agent ${agentId} of tenant ${tenant} is damaged, so it is skipped`);
  }
}

function statusIn(text: string): AgentStatus | undefined {
  try {
    const value = JSON.parse(text) as Partial<AgentStatus> | null;
    const { status, load, name } = value ?? {};
    const isStatus = typeof status === 'string' && typeof load === 'number' && typeof name === 'string';
    return isStatus ? (value as AgentStatus) : undefined;
  } catch {
    return undefined;
  }
}
