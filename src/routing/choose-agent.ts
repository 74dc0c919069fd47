import type { Agent } from './agent.js';
import { scoreOf, type TextReading } from './complexity.js';
import { askedFor } from './topics.js';

/** What an agent says of itself, for the choice. */
export interface Standing {
  /** Busy is passed over when another is close, away when there is any other. */
  readonly is: 'free' | 'busy' | 'away';
  /** As people read it: 'busy, load 0.93'. */
  readonly says: string;
}

export interface Choice {
  readonly agent: Agent;
  readonly reason: string;
}

/** Together 1. */
const WEIGHTS = { fit: 0.4, strengths: 0.45, thrift: 0.15 };
/** So many points less than the best is still close. */
export const CLOSE = 0.15;

export interface Candidate {
  readonly agent: Agent;
  readonly points: number;
  /** What the text asks for and the agent is strong in. */
  readonly covers: readonly string[];
}

/** All agents, best first; of equals the one that the configuration names first. */
export function rankAgents(agents: readonly Agent[], reading: TextReading): readonly Candidate[] {
  const complexity = scoreOf(reading.factors);
  const asked = askedFor(reading.tokens, new Set(agents.flatMap(({ strengths }) => strengths)));
  const dearest = Math.max(...agents.map(({ cost }) => cost));
  const slowest = Math.max(...agents.map(({ latency }) => latency));
  const candidates = agents.map((agent) => {
    const covers = agent.strengths.filter((strength) => asked.has(strength));
    const fit = 1 - Math.abs(complexity - agent.capability);
    const strengths = asked.size === 0 ? 0 : covers.length / asked.size;
    const thrift = 1 - (share(agent.cost, dearest) + share(agent.latency, slowest)) / 2;
    const points = WEIGHTS.fit * fit + WEIGHTS.strengths * strengths + WEIGHTS.thrift * thrift;
    return { agent, covers, points };
  });
  // The sort is stable.
  return candidates.sort((a, b) => b.points - a.points);
}

/** The same for the same text, agents and standings. `standingOf` is undefined for agents that say nothing: they count as free. */
export function chooseAgent(
  agents: readonly Agent[],
  reading: TextReading,
  standingOf: (id: string) => Standing | undefined,
): Choice {
  const ranked = rankAgents(agents, reading);
  const best = ranked[0] as Candidate;
  const is = ({ agent }: Candidate) => standingOf(agent.id)?.is ?? 'free';
  const present = ranked.filter((candidate) => is(candidate) !== 'away');
  const first = present[0];
  const free = present.find(
    (candidate) => is(candidate) === 'free' && candidate.points >= (first as Candidate).points - CLOSE,
  );
  const chosen = free ?? first ?? best;
  return { agent: chosen.agent, reason: reasonOf(chosen, ranked, scoreOf(reading.factors), standingOf) };
}

function reasonOf(
  { agent, covers }: Candidate,
  ranked: readonly Candidate[],
  complexity: number,
  standingOf: (id: string) => Standing | undefined,
): string {
  const strong = covers.length === 0 ? '' : `, strong in ${covers.join(' and ')}`;
  const own = standingOf(agent.id);
  const state =
    own === undefined || own.is === 'free' ? '' : `, although it is ${own.says}: no other is close and free`;
  const passed = ranked
    .slice(
      0,
      ranked.findIndex((candidate) => candidate.agent === agent),
    )
    .map((candidate) => `${candidate.agent.name} is passed over: ${standingOf(candidate.agent.id)?.says}`);
  const why = `${agent.name} suits complexity ${complexity} (its own is ${agent.capability})${strong}${state}`;
  return [why, ...passed].join('; ');
}

function share(value: number, most: number): number {
  return most === 0 ? 0 : value / most;
}
