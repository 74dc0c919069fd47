import type { Agent } from './agent.js';
import { scoreOf, type TextReading } from './complexity.js';
import { requestedStrengths } from './requested-strengths.js';

/** Availability of an agent, from its last report. */
export interface Availability {
  /**
   * A busy agent is skipped if another one scores almost as well. An agent that is away is skipped if any other is not.
   */
  readonly state: 'free' | 'busy' | 'away';
  /** For people: 'busy, load 0.93'. */
  readonly description: string;
}

export interface Choice {
  readonly agent: Agent;
  readonly reason: string;
}

/** The sum is 1. */
const WEIGHTS = { fit: 0.4, strengths: 0.45, thrift: 0.15 };
/** Maximum difference in points of a close match. */
export const CLOSE_MATCH = 0.15;

export interface Candidate {
  readonly agent: Agent;
  readonly points: number;
  /** Requested strengths that the agent has. */
  readonly matched: readonly string[];
}

/** All agents, best first; equal ones in the order of the configuration. */
export function rankAgents(agents: readonly Agent[], reading: TextReading): readonly Candidate[] {
  const complexity = scoreOf(reading.factors);
  const asked = requestedStrengths(reading.tokens, new Set(agents.flatMap(({ strengths }) => strengths)));
  const highestCost = Math.max(...agents.map(({ cost }) => cost));
  const slowest = Math.max(...agents.map(({ latency }) => latency));
  const candidates = agents.map((agent): Candidate => {
    const matched = agent.strengths.filter((strength) => asked.has(strength));
    const fit = 1 - Math.abs(complexity - agent.capability);
    const strengths = asked.size === 0 ? 0 : matched.length / asked.size;
    const thrift = 1 - (share(agent.cost, highestCost) + share(agent.latency, slowest)) / 2;
    const points = WEIGHTS.fit * fit + WEIGHTS.strengths * strengths + WEIGHTS.thrift * thrift;
    return { agent, matched, points };
  });
  // A stable sort keeps the order of the configuration.
  return candidates.sort((a, b) => b.points - a.points);
}

/** Deterministic: equal text, agents and availabilities give the same choice. Agents without a report count as free. */
export function chooseAgent(
  agents: readonly Agent[],
  reading: TextReading,
  availabilityOf: (id: string) => Availability | undefined,
): Choice {
  const ranked = rankAgents(agents, reading);
  const stateOf = ({ agent }: Candidate) => availabilityOf(agent.id)?.state ?? 'free';
  const best = ranked.find((candidate) => stateOf(candidate) !== 'away') ?? (ranked[0] as Candidate);
  const least = best.points - CLOSE_MATCH;
  const chosen = ranked.find((one) => stateOf(one) === 'free' && one.points >= least) ?? best;
  return { agent: chosen.agent, reason: reasonOf(chosen, ranked, scoreOf(reading.factors), availabilityOf) };
}

function reasonOf(
  chosen: Candidate,
  ranked: readonly Candidate[],
  complexity: number,
  availabilityOf: (id: string) => Availability | undefined,
): string {
  const { agent, matched } = chosen;
  const strong = matched.length === 0 ? '' : `, strong in ${matched.join(' and ')}`;
  const own = availabilityOf(agent.id);
  const state =
    own === undefined || own.state === 'free'
      ? ''
      : `, although it is ${own.description}: no other close match is free`;
  const passed = ranked
    .slice(0, ranked.indexOf(chosen))
    .map((better) => `skipped ${better.agent.name}: ${availabilityOf(better.agent.id)?.description}`);
  const why = `${agent.name} matches complexity ${complexity} (its capability is ${agent.capability})${strong}${state}`;
  return [why, ...passed].join('; ');
}

function share(value: number, highest: number): number {
  return highest === 0 ? 0 : value / highest;
}
