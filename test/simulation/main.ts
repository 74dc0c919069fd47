import { fork } from 'node:child_process';
import { join } from 'node:path';
import { readOptions, USAGE, type Options } from './options.js';
import { STEP_KINDS } from './plan.js';
import { changesOf } from './plants.js';
import type { Report } from './simulate.js';
import type { FromWorker } from './worker.js';

/** `npm run simulate`: runs seeds in workers, and shows what broke. */
const options = optionsOrEnd();
const started = process.hrtime.bigint();
const reports: Report[] = [];

await Promise.all(Array.from({ length: options.workers }, (_, part) => worker(part)));
summarize();

function optionsOrEnd(): Options {
  try {
    const read = readOptions(process.argv.slice(2));
    const unknown = read.without.filter((kind) => !(STEP_KINDS as string[]).includes(kind));
    if (unknown.length > 0) throw new Error(`no kind of step: ${unknown.join()}; there are ${STEP_KINDS.join()}`);
    changesOf(read.plant);
    return read;
  } catch (error) {
    console.error(`${(error as Error).message}\n${USAGE}`);
    process.exit(2);
  }
}

function worker(part: number): Promise<void> {
  const plants = changesOf(options.plant).filter(({ file }) => file.endsWith('.ts'));
  const child = fork(join(import.meta.dirname, 'worker.ts'), process.argv.slice(2), {
    execArgv: ['--import', new URL('./typescript.mjs', import.meta.url).href, '--disable-warning=ExperimentalWarning'],
    env: { ...process.env, SIMULATION_PART: String(part), SIMULATION_PLANTS: JSON.stringify(plants) },
  });
  child.on('message', (message) => {
    const { is, ...rest } = message as FromWorker;
    if (is === 'line') console.log((rest as { line: string }).line);
    else show((rest as { report: Report }).report);
  });
  return new Promise((resolve, reject) => {
    child.on('exit', (code) => (code === 0 ? resolve() : reject(new Error(`worker ${part} ended with code ${code}`))));
  });
}

function show(report: Report): void {
  reports.push(report);
  if (options.json) return console.log(JSON.stringify(report));
  const { seed, engine, violations } = report;
  for (const { kind, says } of violations) {
    console.log(`seed ${seed} (${engine}): ${options.known.includes(kind) ? 'known ' : ''}${kind}: ${says}`);
  }
}

function summarize(): void {
  const kinds = new Map<string, number[]>();
  for (const { seed, violations } of reports) {
    for (const kind of new Set(violations.map((one) => one.kind))) kinds.set(kind, [...(kinds.get(kind) ?? []), seed]);
  }
  const seconds = Number(process.hrtime.bigint() - started) / 1e9;
  const isKnown = (kind: string) => options.known.includes(kind);
  if (!options.json) {
    for (const [kind, seeds] of kinds) {
      const first = Math.min(...seeds);
      console.log(
        `${isKnown(kind) ? 'known ' : ''}${kind}: ${seeds.length} of ${reports.length} seeds, first ${first}`,
      );
    }
    console.log(`${reports.length} seeds of ${options.steps} steps in ${seconds.toFixed(1)} s`);
  }
  process.exitCode = [...kinds.keys()].every(isKnown) ? 0 : 1;
}
