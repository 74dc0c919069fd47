// Writes to an engine with a journal until it is killed; prints each write as lines of JSON when it begins and when it is acknowledged.
// Arguments: URL of the compiled sources, data directory, seed, number of the first operation.
import { writeSync } from 'node:fs';

const [sources, dataDir, seed, first] = process.argv.slice(2);
const { openMemoryEngine } = await import(`${sources}engine/memory/open-memory-engine.js`);
const { WorkflowIndex } = await import(`${sources}engine/workflow-index.js`);
const { fromValue } = await import(`${sources}json/document.js`);

const CALLERS = 8;
const WORKFLOWS_PER_CALLER = 5;

// Written synchronously: the line is in the pipe before anything else happens, so it survives the process.
const say = (line) => writeSync(1, `${JSON.stringify(line)}\n`);

/** Small and seeded (mulberry32): a failing run can be repeated. */
function randomFrom(start) {
  let state = start;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const index = new WorkflowIndex(['/status']);
const options = {
  defaultTtlMs: 86_400_000,
  maxStateBytes: 1024 * 1024,
  historyLimit: 5,
  historyMaxBytes: 1024 * 1024,
  tasks: {
    maxOpen: 1000,
    maxBytes: 2 ** 30,
    resultMs: 3_600_000,
    progressMs: 600_000,
    deadMs: 604_800_000,
    maxDead: 1000,
  },
};
const engine = await openMemoryEngine({ dataDir, options, index });
const random = randomFrom(Number(seed));
let number = Number(first);

async function write(caller) {
  const id = `w-${caller}-${Math.floor(random() * WORKFLOWS_PER_CALLER)}`;
  const n = number++;
  const chance = random();
  const exists = (await engine.find('default', id)) !== undefined;
  const kind = !exists || chance < 0.6 ? 'put' : chance < 0.9 ? 'patch' : 'delete';
  const state = JSON.stringify({ n, status: `s${n % 3}`, pad: 'x'.repeat(Math.floor(random() * 6000)) });
  const about = { by: 'writer', cause: 'put', changed: null };
  const edit = { cause: 'patch', apply: (node) => ({ document: node.withMember('n', fromValue(n)), changed: ['/n'] }) };
  const put = { id, incarnation: `life-${n}`, state, index: index.ofState(state), ttl: null, about };
  const parts = {
    put: { puts: [put] },
    patch: { patches: [{ id, edit, ttl: 'keep', by: 'writer' }] },
    delete: { deletes: [{ id }] },
  };
  const once = { key: `key-${n}`, fingerprint: 'same', keepMs: 86_400_000 };
  say({ begins: n, id, kind });
  const { workflows } = await engine.commit('default', { once, ...parts[kind] });
  say({ done: n, id, kind, version: workflows[0]?.version ?? null, incarnation: workflows[0]?.incarnation ?? null });
}

await Promise.all(
  Array.from({ length: CALLERS }, async (_, caller) => {
    for (;;) await write(caller);
  }),
);
