import type { Availability } from './choose-agent.js';
import type { AgentStatus as PublishedStatus } from './routing.dto.js';

/** The last report of an agent. */
export type AgentStatus = Omit<PublishedStatus, 'eventId'>;

/** From this load on, an agent counts as busy, whatever its status. */
export const BUSY_LOAD = 0.8;
const FREE = 'active available free healthy idle ok online ready up'.split(' ');
const AWAY = 'away dead disconnected down error failed maintenance offline stopped unavailable'.split(' ');

/** An unknown status counts as busy. */
export function availabilityOf({ status, load }: AgentStatus): Availability {
  const word = status.toLowerCase();
  const description = `${status}, load ${load}`;
  if (AWAY.includes(word)) return { state: 'away', description };
  return { state: FREE.includes(word) && load < BUSY_LOAD ? 'free' : 'busy', description };
}
