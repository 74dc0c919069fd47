import { describe, expect, it } from '@jest/globals';
import { DEFAULT_AGENTS, type Agent } from './agent.js';
import { chooseAgent, CLOSE_MATCH, rankAgents, type Availability } from './choose-agent.js';
import { readText } from './complexity.js';

const LONG = Array.from({ length: 150 }, (_, i) => `word${i * 7}, item${i};`).join(' ');
const nobody = () => undefined;
const chosen = (text: string, availabilities: Readonly<Record<string, Availability>> = {}, agents = DEFAULT_AGENTS) =>
  chooseAgent(agents, readText(text), (id) => availabilities[id]);
const agent = (id: string, given: Partial<Agent> = {}): Agent => ({
  id,
  name: id.toUpperCase(),
  strengths: [],
  cost: 1,
  latency: 1,
  capability: 0.5,
  ...given,
});

describe('the choice of an agent', () => {
  it.each([
    ['small talk', 'ok', 'llama'],
    ['a short question about code', 'Fix this Python function', 'gpt-4'],
    ['a translation', 'Translate "good morning" into French', 'mistral'],
    ['a picture', 'What is in this image?', 'gemini'],
    ['something to write and to reason about', 'Draft a motion and explain why it should be granted', 'claude'],
    ['a long text that asks for nothing special', LONG, 'claude'],
  ])('for %s is by complexity and strengths', (_what, text, id) => {
    expect(chosen(text).agent.id).toBe(id);
  });

  it('is the same every time, and ranks by points', () => {
    for (const text of ['a', 'Summarise this report', LONG]) {
      expect(chosen(text)).toEqual(chosen(text));
      const points = rankAgents(DEFAULT_AGENTS, readText(text)).map((candidate) => candidate.points);
      expect(points).toEqual(points.toSorted((a, b) => b - a));
      expect(points.every((one) => one >= 0 && one <= 1)).toBe(true);
    }
  });

  it('is the first in the configuration when all are equal', () => {
    const agents = [agent('b'), agent('a'), agent('c')];
    expect(chosen('text', {}, agents).agent.id).toBe('b');
  });

  it('skips a busy agent only when another is a close match', () => {
    const busy: Availability = { state: 'busy', description: 'busy, load 0.93' };
    // They differ in capability only, whose distance weighs 0.4.
    const close = [agent('first', { capability: 0 }), agent('close', { capability: (0.9 * CLOSE_MATCH) / 0.4 })];
    const far = [agent('first', { capability: 0 }), agent('far', { capability: (1.5 * CLOSE_MATCH) / 0.4 })];
    expect(chosen('a', {}, close).agent.id).toBe('first');
    const passed = chosen('a', { first: busy }, close);
    expect(passed.agent.id).toBe('close');
    expect(passed.reason).toContain('skipped FIRST: busy, load 0.93');
    const kept = chosen('a', { first: busy }, far);
    expect(kept.agent.id).toBe('first');
    expect(kept.reason).toContain('although it is busy, load 0.93');
  });

  it('skips an agent that is away when any other is present', () => {
    const away: Availability = { state: 'away', description: 'offline' };
    const busy: Availability = { state: 'busy', description: 'busy' };
    const agents = [agent('first', { capability: 0 }), agent('far', { capability: 1 })];
    expect(chosen('a', { first: away }, agents).agent.id).toBe('far');
    expect(chosen('a', { first: away, far: busy }, agents).agent.id).toBe('far');
    const all = chosen('a', { first: away, far: away }, agents);
    expect([all.agent.id, all.reason]).toEqual(['first', expect.stringContaining('although it is offline')]);
  });

  it('considers agents without strengths, cost or latency', () => {
    const agents = [agent('a', { cost: 0, latency: 0 }), agent('b', { cost: 0, latency: 0, capability: 0 })];
    expect(chooseAgent(agents, readText('hi'), nobody).agent.id).toBe('b');
  });

  it('matches unlisted strengths by their own words', () => {
    const agents = [agent('a'), agent('b', { strengths: ['Tax-Law', 'constructor'] })];
    expect(chosen('a question of tax', {}, agents)).toMatchObject({
      agent: { id: 'b' },
      reason: expect.stringContaining('strong in Tax-Law'),
    });
  });
});
