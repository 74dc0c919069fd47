import { cpuMicros, load } from './processes.mjs';

export const median = (numbers) => numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)];

/** One round: CPU microseconds of each process per request, and requests per second. */
export async function round(plan, pids) {
  const before = pids.map(cpuMicros);
  const { ms, failed } = await load(plan);
  const used = pids.map((pid, i) => (cpuMicros(pid) - before[i]) / plan.requests);
  if (failed > 0) throw new Error(`${failed} of ${plan.requests} requests failed: ${plan.method} ${plan.paths[0]}`);
  return { cpu: used, perSecond: (plan.requests / ms) * 1000 };
}

/**
 * Alternates between the subjects, so that changes of the machine's speed affect all: every other round in the opposite
 * order. The first rounds only warm up.
 */
export async function alternate(subjects, rounds, warmUps = 1) {
  const results = subjects.map(() => []);
  for (let i = 0; i < warmUps + rounds; i++) {
    const order = [...subjects.entries()];
    for (const [n, { plan, pids }] of i % 2 === 0 ? order : order.toReversed()) {
      const result = await round(plan, pids);
      if (i >= warmUps) results[n].push(result);
    }
  }
  return results.map((taken) => ({
    cpu: taken[0].cpu.map((_, k) => median(taken.map(({ cpu }) => cpu[k]))),
    least: Math.min(...taken.map(({ cpu }) => cpu[0])),
    most: Math.max(...taken.map(({ cpu }) => cpu[0])),
    perSecond: median(taken.map(({ perSecond }) => perSecond)),
    rounds: taken,
  }));
}

/** How much more CPU `own` takes than `base`: the median of the ratios within a round. */
export const ratioOf = (own, base) => median(own.rounds.map(({ cpu }, i) => cpu[0] / base.rounds[i].cpu[0]));

/** CPU of the process `at`, as the mean of several subjects in each round. */
export const meanOf = (subjects, at) =>
  subjects[0].map((_, i) => subjects.reduce((sum, rounds) => sum + rounds[i].cpu[at], 0) / subjects.length);

/**
 * The median of ratios, and the interval that has the true median with 95 %: two of the sorted ratios, so far from the
 * middle that a coin thrown once for each of them lands further out in 5 % of the cases. It takes six ratios at least.
 */
export function confidenceOf(ratios) {
  const sorted = ratios.toSorted((x, y) => x - y);
  const out = Math.max(0, Math.floor(sorted.length / 2 - 0.98 * Math.sqrt(sorted.length)));
  return { ratio: median(sorted), least: sorted[out], most: sorted.at(-1 - out) };
}
