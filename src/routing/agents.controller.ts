import { Controller, Get, Post, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Config } from '../config/config.js';
import { Engine } from '../engine/engine.js';
import { isName, NAME_RULE } from '../engine/names.js';
import { callerOf } from '../http/caller.js';
import { InvalidIdError } from '../http/http-errors.js';
import { Idempotency } from '../http/idempotency.js';
import { ObjectReader } from '../http/object-reader.js';
import { refuseQuery } from '../http/query.js';
import { sendJson } from '../http/send-json.js';
import { isoTime } from '../http/times.js';
import { AgentStatuses } from './agent-statuses.js';
import type { AgentStatus } from './agent-status.js';
import { Agents } from './agents.js';
import { BOARD } from './decision.js';
import * as describe from './routing.openapi.js';

const CHANNEL = 'agent:status';
const LONGEST_NAME = 100;
const LONGEST_STATUS = 64;

const ofLength = (most: number) => (text: string) => text.length >= 1 && text.length <= most;
const isLoad = (value: unknown): value is number => typeof value === 'number' && value >= 0 && value <= 1;

/** Reports and list of agents. */
@describe.agents()
@Controller('v1/agents')
export class AgentsController {
  constructor(
    private readonly engine: Engine,
    private readonly config: Config,
    private readonly agents: Agents,
    private readonly statuses: AgentStatuses,
    private readonly idempotency: Idempotency,
  ) {}

  /** Agents outside the configuration may report too: they are listed but never chosen. */
  @describe.reportAgentStatus()
  @Post(':id/status')
  async report(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    refuseQuery(request);
    const { id } = request.params as { id: string };
    if (!isName(id)) throw new InvalidIdError(`The id of an agent ${NAME_RULE}`);
    const usualName = this.agents.all.find((agent) => agent.id === id)?.name ?? id;
    const given = ObjectReader.read(request, (body) => ({
      name: body.string('name', `must be 1 to ${LONGEST_NAME} characters`, ofLength(LONGEST_NAME)) ?? usualName,
      status: body.stringRequired('status', `must be 1 to ${LONGEST_STATUS} characters`, ofLength(LONGEST_STATUS)),
      load: body.value('load', 'must be a number from 0 to 1', isLoad) ?? 0,
    }));
    const { tenant } = callerOf(request);
    const { memo, eventIds, replayed } = await this.idempotency.run(request, tenant, async ({ once }) => {
      const status: AgentStatus = { agentId: id, ...given, timestamp: isoTime(Date.now()) };
      const text = JSON.stringify(status);
      const keepMs = this.config.routing.statusTtlMs;
      const outcome = await this.engine.commit(tenant, {
        once: { ...once, memo: text },
        publish: [{ channel: CHANNEL, type: 'agent_status', payload: text }],
        board: { board: BOARD, notices: [{ name: id, text, keepMs }] },
      });
      if (!outcome.replayed) this.statuses.record(tenant, status, keepMs);
      return outcome;
    });
    if (replayed) reply.header('idempotency-replayed', 'true');
    sendJson(reply, 200, (memo as string).slice(0, -1), `,"eventId":${JSON.stringify(eventIds?.[0])}}`);
  }

  @describe.listAgents()
  @Get()
  async list(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    refuseQuery(request);
    const { notices } = await this.engine.readBoard(callerOf(request).tenant, BOARD);
    const reported = new Map(notices.map((notice) => [notice.name, notice]));
    const lastStatus = (id: string) => {
      const notice = reported.get(id);
      if (notice === undefined) return { name: null, lastStatus: null };
      const { name, status, load, timestamp } = JSON.parse(notice.text) as AgentStatus;
      return { name, lastStatus: { status, load, timestamp, expiresAt: isoTime(notice.untilMs) } };
    };
    const configured = this.agents.all.map((agent) => ({
      ...agent,
      configured: true,
      lastStatus: lastStatus(agent.id).lastStatus,
    }));
    const others = [...reported.keys()]
      .filter((id) => !this.agents.all.some((agent) => agent.id === id))
      .map((id) => ({
        id,
        strengths: [],
        cost: null,
        latency: null,
        capability: null,
        configured: false,
        ...lastStatus(id),
      }));
    sendJson(reply, 200, JSON.stringify({ items: [...configured, ...others] }));
  }
}
