import { parseArgs } from 'node:util';
import type { EngineKind } from './plan.js';

export interface Options {
  readonly seed: number;
  readonly seeds: number;
  readonly steps: number;
  /** Kinds of steps that are left out. */
  readonly without: readonly string[];
  readonly engine: EngineKind | undefined;
  readonly workers: number;
  /** Kinds of violations that do not count; their number is shown. */
  readonly known: readonly string[];
  readonly plant: string | undefined;
  readonly shrink: boolean;
  readonly log: boolean;
  readonly json: boolean;
}

export const USAGE = `usage: npm run simulate -- [--seed n] [--seeds m] [--steps 300] [--without kinds] [--engine redis|embedded|attach]
       [--workers 2] [--known kinds] [--plant name] [--shrink] [--log] [--json]`;

/** @throws Error for options that do not exist */
export function readOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seed: { type: 'string', default: '1' },
      seeds: { type: 'string', default: '1' },
      steps: { type: 'string', default: '300' },
      without: { type: 'string', default: '' },
      engine: { type: 'string' },
      workers: { type: 'string', default: '2' },
      known: { type: 'string', default: '' },
      plant: { type: 'string' },
      shrink: { type: 'boolean', default: false },
      log: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
    },
  });
  const { seed, seeds, steps, workers, without, known, engine, ...rest } = values;
  return {
    ...rest,
    seed: Number(seed),
    seeds: Number(seeds),
    steps: Number(steps),
    workers: Math.max(1, Math.min(Number(workers), Number(seeds))),
    without: namesIn(without),
    known: namesIn(known),
    engine: engine as EngineKind | undefined,
    plant: values.plant,
  };
}

function namesIn(list: string): readonly string[] {
  return list.split(',').filter((name) => name !== '');
}
