import { readFileSync } from 'node:fs';
import { isQueueName, QUEUE_RULE } from '../engine/names.js';
import { DEFAULT_AGENTS, type Agent } from './agent.js';

const MAX_AGENTS = 100;
const MAX_STRENGTHS = 20;
const MAX_NAME_CHARACTERS = 100;
const MAX_AMOUNT = 1e9;
const FIELDS = ['id', 'name', 'strengths', 'cost', 'latency', 'capability'];

/**
 * Reads ROUTING_AGENTS: JSON, or the path of a JSON file. The default capability is the cost divided by the highest cost. `refuse` is
 * called once per problem.
 */
export function readAgents(given: string | undefined, refuse: (says: string) => void): readonly Agent[] {
  if (given === undefined) return DEFAULT_AGENTS;
  const list = listOf(given, refuse);
  if (list === undefined) return [];
  if (list.length === 0 || list.length > MAX_AGENTS) {
    refuse(`must have 1 to ${MAX_AGENTS} agents, this has ${list.length}`);
    return [];
  }
  const costs = list.map((one) => (isObject(one) && isAmount(one['cost']) ? one['cost'] : 0));
  const highestCost = Math.max(...costs);
  const ids = new Set<unknown>();
  return list.flatMap((one, i) => {
    const wrong = (says: string) => refuse(`agent ${i + 1}${says}`);
    if (!isObject(one)) {
      wrong(' must be a JSON object');
      return [];
    }
    for (const name of Object.keys(one))
      if (!FIELDS.includes(name)) wrong(` has the unknown member ${JSON.stringify(name)}`);
    const { id, name = id, strengths = [], cost = 0, latency = 0, capability } = one;
    if (typeof id !== 'string' || !isQueueName(id)) wrong(`: id ${QUEUE_RULE}, since it is the name of a queue`);
    else if (ids.has(id)) wrong(` has the same id ${id} as another agent`);
    ids.add(id);
    if (typeof name !== 'string' || name === '' || name.length > MAX_NAME_CHARACTERS) {
      wrong(`: name must be 1 to ${MAX_NAME_CHARACTERS} characters`);
    }
    if (!isStrengths(strengths)) wrong(`: strengths must be a list of at most ${MAX_STRENGTHS} texts`);
    if (!isAmount(cost)) wrong(': cost must be a number, 0 or more');
    if (!isAmount(latency)) wrong(': latency must be a number of milliseconds, 0 or more');
    if (capability !== undefined && !(isAmount(capability) && capability <= 1))
      wrong(': capability must be from 0 to 1');
    const shared = highestCost === 0 ? 0.5 : Number(((costs[i] as number) / highestCost).toFixed(2));
    return [{ id, name, strengths, cost, latency, capability: capability ?? shared } as Agent];
  });
}

function listOf(given: string, refuse: (says: string) => void): unknown[] | undefined {
  const isInline = given.trimStart().startsWith('[');
  let text = given;
  try {
    if (!isInline) text = readFileSync(given, 'utf8');
  } catch {
    refuse(`must be a JSON list, or the path of a file with one; ${JSON.stringify(given)} cannot be read`);
    return undefined;
  }
  try {
    const list = JSON.parse(text) as unknown;
    if (Array.isArray(list)) return list as unknown[];
    refuse('must be a JSON list of agents');
  } catch (error) {
    refuse(`is not valid JSON: ${(error as Error).message}`);
  }
  return undefined;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isAmount(value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && value <= MAX_AMOUNT;
}

function isStrengths(value: unknown): boolean {
  if (!Array.isArray(value) || value.length > MAX_STRENGTHS) return false;
  return value.every((one) => typeof one === 'string' && one !== '' && one.length <= MAX_NAME_CHARACTERS);
}
