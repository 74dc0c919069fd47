// Time is patched before any module of the product is loaded.
import './virtual-time.js';
import { Logger } from '@nestjs/common';
import { readOptions } from './options.js';
import { planOf, type Plan } from './plan.js';
import { changesOf } from './plants.js';
import { shrink } from './shrink.js';
import { simulate, type Report } from './simulate.js';
import { SimServer } from './sim-server.js';

/** Runs some of the seeds, in a process of its own. Sends the reports to its parent. */
export type FromWorker =
  { readonly is: 'report'; readonly report: Report } | { readonly is: 'line'; readonly line: string };

Logger.overrideLogger(false);

const options = readOptions(process.argv.slice(2));
const scripts = changesOf(options.plant).filter(({ file }) => file.endsWith('.lua'));
const changed = (source: string) => scripts.reduce((text, { from, to }) => text.replace(from, () => to), source);
const send = (message: FromWorker) => void process.send?.(message);
const log = (line: string) => send({ is: 'line', line });

const server = await SimServer.start();
const part = Number(process.env['SIMULATION_PART'] ?? 0);
for (let i = part; i < options.seeds; i += options.workers) {
  const plan = planOf(options.seed + i, options);
  const report = await run(plan, options.log);
  send({ is: 'report', report });
  if (options.shrink && report.violations.length > 0) await shorten(plan, report);
}
await server.stop();
process.disconnect?.();

function run(plan: Plan, isLogged: boolean): Promise<Report> {
  return simulate(plan, server, { changed, ...(isLogged && { log }) });
}

async function shorten(plan: Plan, { violations }: Report): Promise<void> {
  const kind = violations.find((one) => !options.known.includes(one.kind))?.kind;
  if (kind === undefined) return;
  let runs = 0;
  const fails = async (shorter: Plan) => {
    runs++;
    return (await run(shorter, false)).violations.some((violation) => violation.kind === kind);
  };
  const shortest = await shrink(plan, fails);
  log(`seed ${plan.seed}: ${plan.steps.length} steps shrunk to ${shortest.steps.length} for ${kind}, in ${runs} runs`);
  await run(shortest, true);
}
