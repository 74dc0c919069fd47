// Fills an engine with a journal until the disk is full, frees space by deletes, and writes again; prints what should be there.
// Arguments: URL of the compiled sources, data directory.
const [sources, dataDir] = process.argv.slice(2);
const { openMemoryEngine } = await import(`${sources}engine/memory/open-memory-engine.js`);
const { WorkflowIndex } = await import(`${sources}engine/workflow-index.js`);

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

let number = 0;
function commit(parts) {
  return engine.commit('default', { once: { key: `key-${number++}`, fingerprint: '', keepMs: 86_400_000 }, ...parts });
}

function put(id) {
  const state = JSON.stringify({ id, status: 'full', pad: 'x'.repeat(20_000) });
  const about = { by: 'filler', cause: 'put', changed: null };
  return commit({ puts: [{ id, incarnation: 'incarnation', state, index: index.ofState(state), ttl: null, about }] });
}

/** Writes in groups, like many concurrent clients; gives the acknowledged ids and the codes of the refusals. */
async function fill(prefix, groups) {
  const acknowledged = [];
  const codes = [];
  for (let group = 0; group < groups; group++) {
    const ids = Array.from({ length: 8 }, (_, i) => `${prefix}-${group}-${i}`);
    const outcomes = await Promise.allSettled(ids.map(put));
    for (const [i, { status, reason }] of outcomes.entries()) {
      if (status === 'fulfilled') acknowledged.push(ids[i]);
      else codes.push(reason.code);
    }
  }
  return { acknowledged, codes };
}

const first = await fill('first', 200);
const { warnings } = await engine.inspect();
const countWhenFull = await engine.count('default', { fields: { status: 'full' } });
const deleted = first.acknowledged.slice(0, 100);
for (const id of deleted) await commit({ deletes: [{ id }] });
const second = await fill('second', 3);
await engine.close();
console.log(JSON.stringify({ first, warnings, countWhenFull, deleted, second }));
