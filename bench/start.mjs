// How long the embedded service takes until it serves, beside reading all rows of its file with lmdb alone.
import { Logger } from '@nestjs/common';
import { fill } from './growth.mjs';
import { built, PLACES } from './engines.mjs';
import { median } from './measure.mjs';
import { cpuMicros, readRows, residentBytes } from './processes.mjs';

const PROBE_EVERY_MS = 100;

/** Asks for the readiness until the service serves; the longest answer in milliseconds. */
function probing(url) {
  let longest = 0;
  let answers = 0;
  const timer = setInterval(async () => {
    const asked = performance.now();
    const answer = await fetch(`${url}/health/ready`).catch(() => undefined);
    if (answer === undefined) return;
    answers++;
    longest = Math.max(longest, performance.now() - asked);
  }, PROBE_EVERY_MS);
  return () => {
    clearInterval(timer);
    return { answers, longest };
  };
}

/** One start: seconds on the clock and of the processor, and what probes saw meanwhile. */
async function started(place) {
  const began = performance.now();
  let stopProbing = () => ({ answers: 0, longest: 0 });
  const service = await place.start({}, (url) => (stopProbing = probing(url)));
  const result = {
    seconds: (performance.now() - began) / 1000,
    cpu: cpuMicros(service.pid) / 1e6,
    resident: residentBytes(service.pid),
    ...stopProbing(),
  };
  await service.stop();
  return result;
}

export async function benchStart({ sizes, rounds }) {
  Logger.overrideLogger(false);
  const { WorkflowIndex } = await built('workflow-index.js');
  const index = new WorkflowIndex(['/status', '/document_type', '/user_id', '/case_id']);
  const rows = [];
  const empty = await PLACES.memory();
  for (const size of sizes) {
    const place = await PLACES.memory();
    await place.withEngine(index, (engine) => fill(engine, index, 0, size));
    const taken = [];
    for (let round = 0; round < rounds; round++) {
      const [without, own, raw] = [await started(empty), await started(place), await readRows(place.dataDir)];
      taken.push({ ...own, without: without.cpu, raw: raw.cpu, ratio: (own.cpu - without.cpu) / raw.cpu });
    }
    const of = (name) => median(taken.map((one) => one[name]));
    rows.push({ size, rounds: taken });
    process.stdout.write(
      `start    ${String(size).padStart(9)} workflows: serves after ${of('seconds').toFixed(1)} s, CPU ${of('cpu').toFixed(1)} s ` +
        `(empty ${of('without').toFixed(1)}), reading all rows ${of('raw').toFixed(1)} s, ratio ${of('ratio').toFixed(2)}; ` +
        `${of('answers')} probes answered, the longest in ${Math.round(of('longest'))} ms; ` +
        `resident ${Math.round(of('resident') / 2 ** 20)} MB\n`,
    );
  }
  return rows;
}
