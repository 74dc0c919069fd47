import { Controller, Get, Post, Req } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import { Config } from '../config/config.js';
import { Engine } from '../engine/engine.js';
import type { Caller } from '../http/caller.js';
import { Idempotency } from '../http/idempotency.js';
import { answer, FromBody, FromCaller, FromPath, Route } from '../http/route.js';
import { isoTime } from '../http/times.js';
import { AgentStatuses } from './agent-statuses.js';
import { Agents } from './agents.js';
import type { AgentStatus as ReportedStatus } from './agent-status.js';
import { BoardReports } from './board-reports.js';
import { BOARD } from './decision.js';
import { AgentList, AgentPath, AgentReport, AgentStatus } from './routing.dto.js';

const CHANNEL = 'agent:status';

/** Reports of agents, and the list of agents. */
@ApiTags('agents')
@Controller('v1/agents')
export class AgentsController {
  readonly #reports = new BoardReports();

  constructor(
    private readonly engine: Engine,
    private readonly config: Config,
    private readonly agents: Agents,
    private readonly statuses: AgentStatuses,
    private readonly idempotency: Idempotency,
  ) {}

  /** Agents outside the configuration may report too: they are listed but never chosen. */
  @Post(':id/status')
  @Route({
    id: 'reportAgentStatus',
    summary: 'Report the status of an agent; published on channel agent:status',
    once: true,
    answers: { 200: { says: 'As published', body: AgentStatus, headers: ['Idempotency-Replayed'] } },
  })
  async report(
    @FromPath(AgentPath) { id }: AgentPath,
    @FromBody(AgentReport) given: AgentReport,
    @FromCaller() { tenant }: Caller,
    @Req() request: FastifyRequest,
  ) {
    const name = given.name ?? this.agents.all.find((agent) => agent.id === id)?.name ?? id;
    const { status, load } = given;
    const { memo, eventIds, replayed } = await this.idempotency.run(request, tenant, async ({ once }) => {
      const report: ReportedStatus = { agentId: id, name, status, load, timestamp: isoTime(Date.now()) };
      const text = JSON.stringify(report);
      const keepMs = this.config.routing.statusTtlMs;
      const outcome = await this.engine.commit(tenant, {
        once: { ...once, memo: text },
        publish: [{ channel: CHANNEL, type: 'agent_status', payload: text }],
        board: { board: BOARD, notices: [{ name: id, text, keepMs }] },
      });
      if (!outcome.replayed) this.statuses.record(tenant, report, keepMs);
      return outcome;
    });
    const published = JSON.parse(memo as string) as ReportedStatus;
    return answer(200, { ...published, eventId: eventIds?.[0] as string }, { replayed });
  }

  @Get()
  @Route({
    id: 'listAgents',
    summary: 'Configured agents, then others that have reported, with their last status',
    answers: { 200: { says: 'Agents', body: AgentList } },
  })
  async list(@FromCaller() { tenant }: Caller) {
    const { notices } = await this.engine.readBoard(tenant, BOARD);
    const statuses = new Map(
      this.#reports
        .in(tenant, notices)
        .map(({ agentId, status, untilMs }) => [agentId, { ...status, expiresAt: isoTime(untilMs) }]),
    );
    const configured = this.agents.all.map((agent) => {
      const lastStatus = statuses.get(agent.id) ?? null;
      statuses.delete(agent.id);
      return { ...agent, configured: true, lastStatus };
    });
    const unknown = { strengths: [], cost: null, latency: null, capability: null, configured: false };
    const others = [...statuses].map(([id, lastStatus]) => ({ id, name: lastStatus.name, ...unknown, lastStatus }));
    return answer(200, { items: [...configured, ...others] });
  }
}
