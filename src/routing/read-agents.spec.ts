import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { DEFAULT_AGENTS } from './agent.js';
import { readConfig } from '../config/read-config.js';
import { Agents } from './agents.js';
import { readAgents } from './read-agents.js';

function read(given: unknown) {
  const problems: string[] = [];
  const text = typeof given === 'string' ? given : JSON.stringify(given);
  return { agents: readAgents(text, (says) => problems.push(says)), problems };
}

describe('ROUTING_AGENTS', () => {
  it('is the usual five when it is not given', () => {
    expect(new Agents(readConfig({})).all).toBe(DEFAULT_AGENTS);
    expect(DEFAULT_AGENTS.map(({ id }) => id)).toEqual(['claude', 'gpt-4', 'gemini', 'llama', 'mistral']);
    expect(read(DEFAULT_AGENTS)).toEqual({ agents: DEFAULT_AGENTS, problems: [] });
  });

  it('needs no more than ids; without capabilities costs say them', () => {
    const { agents, problems } = read([{ id: 'a', cost: 5 }, { id: 'b', name: 'B', cost: 20 }, { id: 'c' }]);
    expect(problems).toEqual([]);
    expect(agents[0]).toEqual({ id: 'a', name: 'a', strengths: [], cost: 5, latency: 0, capability: 0.25 });
    expect(agents.map(({ capability }) => capability)).toEqual([0.25, 1, 0]);
    expect(read([{ id: 'free' }]).agents[0]?.capability).toBe(0.5);
  });

  it('may be a file', () => {
    const directory = mkdtempSync(join(tmpdir(), 'waymark-agents-'));
    const file = join(directory, 'agents.json');
    try {
      writeFileSync(file, '[{"id":"a"}]');
      expect(new Agents(readConfig({ ROUTING_AGENTS: file })).all.map(({ id }) => id)).toEqual(['a']);
      writeFileSync(file, '{"id":"a"}');
      expect(read(file).problems).toEqual(['must be a JSON list of agents']);
      writeFileSync(file, '[{]');
      expect(read(file).problems).toEqual([expect.stringContaining('is not valid JSON')]);
    } finally {
      rmSync(directory, { recursive: true });
    }
    expect(read(file).problems).toEqual([expect.stringContaining('cannot be read')]);
  });

  it('is told all that is wrong with it at once', () => {
    const { problems } = read([
      { id: '.a', name: '', strengths: 'code', cost: -1, latency: '5', capability: 2, more: 1 },
      3,
      { id: 'x.dlq' },
      { id: 'b', strengths: [''] },
      { id: 'b', cost: null },
      {},
    ]);
    const about = problems.map((says) =>
      /^agent (\d).*?(id|name|strengths|cost|latency|capability|more|object)\b/.exec(says)?.slice(1).join(' '),
    );
    expect(about).toEqual([
      '1 more',
      '1 id',
      '1 name',
      '1 strengths',
      '1 cost',
      '1 latency',
      '1 capability',
      '2 object',
      '3 id',
      '4 strengths',
      '5 id',
      '5 cost',
      '6 id',
      '6 name',
    ]);
    expect(read([]).problems).toHaveLength(1);
    expect(read(Array.from({ length: 101 }, (_, i) => ({ id: `a${i}` }))).problems).toHaveLength(1);
    const env = { ROUTING_AGENTS: '[{"id":"*","cost":-1}]', PORT: 'x' };
    expect(() => readConfig(env, false, { ROUTING_AGENTS: readAgents })).toThrow(
      /PORT[^]*ROUTING_AGENTS: agent 1: id[^]*ROUTING_AGENTS: agent 1: cost/,
    );
    expect(() => new Agents(readConfig({ ROUTING_AGENTS: env.ROUTING_AGENTS }))).toThrow(
      /ROUTING_AGENTS: agent 1: id[^]*ROUTING_AGENTS: agent 1: cost/,
    );
  });
});
