import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { Random } from '../contract/fuzz/random.js';
import { EventQueue } from './event-queue.js';
import { planOf } from './plan.js';
import { PLANTS } from './plants.js';
import { shrink } from './shrink.js';
import type { Report } from './simulate.js';

/** The workers compile the sources first; a busy machine takes its time. */
const TIMEOUT_MS = 900_000;
const ROOT = join(import.meta.dirname, '../..');

/** Runs seeds in processes of their own, since time is patched there. */
async function simulate(...args: string[]): Promise<{ code: number; reports: Report[]; errors: string }> {
  const child = spawn(
    process.execPath,
    ['--import', './test/simulation/typescript.mjs', 'test/simulation/main.ts', '--json', ...args],
    { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'] },
  );
  let [output, errors] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
  const [code] = (await once(child, 'close')) as [number];
  const reports = output
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as Report);
  return { code, reports: reports.toSorted((a, b) => a.seed - b.seed), errors };
}

describe('The simulation', () => {
  it(
    'finds no violation',
    async () => {
      const { code, reports, errors } = await simulate('--seed=1', '--seeds=16', '--steps=100');
      const found = reports.flatMap(({ seed, violations }) =>
        violations.map(({ kind, says }) => ({ seed, kind, says })),
      );
      expect(found).toEqual([]);
      expect([code, reports.length, errors]).toEqual([0, 16, '']);
      expect(new Set(reports.map(({ engine }) => engine)).size).toBeGreaterThan(1);
    },
    TIMEOUT_MS,
  );

  it(
    'does the same for a seed in another process, after other seeds',
    async () => {
      const [one, other] = await Promise.all([
        simulate('--seed', '3', '--seeds', '3', '--steps', '100', '--workers', '1'),
        simulate('--seed', '5', '--seeds', '1', '--steps', '100'),
      ]);
      expect(one.reports.at(-1)?.digest).toMatch(/^[0-9a-f]{40}$/);
      expect(other.reports.map(({ seed, digest }) => [seed, digest])).toEqual(
        one.reports.slice(-1).map(({ seed, digest }) => [seed, digest]),
      );
    },
    TIMEOUT_MS,
  );

  it('shrinks a plan to the steps that fail', async () => {
    const plan = planOf(1, { steps: 100, without: [], engine: undefined });
    const needed = [17, 63, 64];
    const { steps } = await shrink(plan, async (shorter) =>
      needed.every((n) => shorter.steps.some((step) => step.n === n)),
    );
    expect(steps.map(({ n }) => n)).toEqual(needed);
  });

  it('lets events happen in the order of their times, and those of one time in the order in which they were added', () => {
    const random = new Random(1);
    const queue = new EventQueue<string>();
    const added = Array.from({ length: 500 }, () => queue.add(random.below(50), () => undefined, undefined));
    const wanted = added.toSorted((a, b) => a.dueMs - b.dueMs || a.order - b.order);
    expect(added.map(() => queue.takeUntil(50))).toEqual(wanted);
    expect(queue.takeUntil(50)).toBeUndefined();
  });

  it.each(Object.entries(PLANTS))('can plant %s in the product as it is', (_, changes) => {
    for (const { file, from } of changes) expect(readFileSync(join(ROOT, file), 'utf8')).toContain(from);
  });
});
