import type { Message } from '../engine/task.js';
import { isoTime } from '../http/times.js';
import { newWorkflowId } from '../workflows/identifiers.js';
import type { Agent } from './agent.js';
import type { Choice } from './choose-agent.js';
import { complexityOf, type ComplexityScore, type TextReading } from './complexity.js';

/** Where the service keeps what all replicas know of routing. */
export const BOARD = 'routing';
export const TOTAL = 'total';
const CHANNEL = 'task:routing';

export type SelectedAgent = Omit<Agent, 'capability'>;

/** As clients see it. */
export interface Decision {
  readonly id: string;
  readonly taskId: string;
  readonly selectedAgent: SelectedAgent;
  readonly complexityScore: ComplexityScore;
  readonly reason: string;
  readonly timestamp: string;
}

/** What a decision leaves behind in the store. */
export interface Posting {
  readonly message: Message;
  /** Of the newest decisions, which the statistics show. */
  readonly entry: string;
  /** Names of the counts it adds one to. */
  readonly counts: readonly string[];
}

export function decisionOf({ agent, reason }: Choice, reading: TextReading, taskId: string | undefined): Decision {
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

export function postingOf(decision: Decision): Posting {
  const { taskId, selectedAgent, complexityScore, reason, timestamp } = decision;
  const payload = { taskId, agent: selectedAgent.id, complexityScore, reason, timestamp };
  const message: Message = { channel: CHANNEL, type: 'routing_decision', payload: JSON.stringify(payload) };
  return { message, entry: JSON.stringify(decision), counts: [TOTAL, countOf(selectedAgent.id)] };
}
