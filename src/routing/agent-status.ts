import type { Availability } from './choose-agent.js';

/** The last report of an agent. */
export interface AgentStatus {
  readonly agentId: string;
  readonly name: string;
  /** Free text of the agent. */
  readonly status: string;
  /** From 0 to 1. */
  readonly load: number;
  readonly timestamp: string;
}

/** From this load on, an agent counts as busy, whatever its status. */
export const BUSY_LOAD = 0.8;
const FREE = ['active', 'available', 'free', 'healthy', 'idle', 'ok', 'online', 'ready', 'up'];
const AWAY = [
  'away',
  'dead',
  'disconnected',
  'down',
  'error',
  'failed',
  'maintenance',
  'offline',
  'stopped',
  'unavailable',
];

/** An unknown status counts as busy. */
export function availabilityOf({ status, load }: AgentStatus): Availability {
  const word = status.toLowerCase();
  const description = `${status}, load ${load}`;
  if (AWAY.includes(word)) return { state: 'away', description };
  return { state: FREE.includes(word) && load < BUSY_LOAD ? 'free' : 'busy', description };
}
