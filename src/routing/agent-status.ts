import type { Standing } from './choose-agent.js';

/** What an agent has last reported of itself. */
export interface AgentStatus {
  readonly agentId: string;
  readonly name: string;
  /** In the agent's own words. */
  readonly status: string;
  /** From 0 to 1. */
  readonly load: number;
  readonly timestamp: string;
}

/** From here on an agent is busy, whatever it says. */
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

/** A word that is not known means that the agent does something, so it is busy. */
export function standingOf({ status, load }: AgentStatus): Standing {
  const word = status.toLowerCase();
  const says = `${status}, load ${load}`;
  if (AWAY.includes(word)) return { is: 'away', says };
  return { is: FREE.includes(word) && load < BUSY_LOAD ? 'free' : 'busy', says };
}
