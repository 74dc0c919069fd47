import type { Message } from '../engine/task.js';
import { isoTime } from '../http/times.js';
import { newWorkflowId } from '../workflows/identifiers.js';
import type { Choice } from './choose-agent.js';
import { complexityOf, type TextReading } from './complexity.js';
import type { RoutingDecision } from './routing.dto.js';

/** Board with the statistics of routing and the statuses of agents, shared by all replicas. */
export const BOARD = 'routing';
export const TOTAL = 'total';
const CHANNEL = 'task:routing';

/** Stored form of a decision. */
export interface Posting {
  readonly message: Message;
  /** Entry of the list of recent decisions. */
  readonly entry: string;
  /** Names of the counters to increment. */
  readonly counts: readonly string[];
}

export function decisionOf(
  { agent, reason }: Choice,
  reading: TextReading,
  taskId: string | undefined,
): RoutingDecision {
  const now = Date.now();
  const { capability: _capability, ...selectedAgent } = agent;
  return {
    id: newWorkflowId(now),
    taskId: taskId ?? newWorkflowId(now),
    selectedAgent,
    complexityScore: complexityOf(reading),
    reason,
    timestamp: isoTime(now),
  };
}

export function countOf(agentId: string): string {
  return `agent:${agentId}`;
}

export function postingOf(decision: RoutingDecision): Posting {
  const { taskId, selectedAgent, complexityScore, reason, timestamp } = decision;
  const payload = { taskId, agent: selectedAgent.id, complexityScore, reason, timestamp };
  const message: Message = { channel: CHANNEL, type: 'routing_decision', payload: JSON.stringify(payload) };
  return { message, entry: JSON.stringify(decision), counts: [TOTAL, countOf(selectedAgent.id)] };
}
