// Writes to a detached replica until the disk is full, drains some of the backlog, and writes again; prints what should be there.
// Arguments: URL of the compiled sources, data directory.
const [sources, dataDir] = process.argv.slice(2);
const { DetachedStore } = await import(`${sources}engine/detached/detached-store.js`);
const { HeldCopies } = await import(`${sources}engine/detached/held-copies.js`);
const { LmdbDetachedJournal } = await import(`${sources}engine/detached/lmdb-detached-journal.js`);
const { WorkflowIndex } = await import(`${sources}engine/workflow-index.js`);

const index = new WorkflowIndex([]);
const store = new DetachedStore({
  journal: await LmdbDetachedJournal.open(dataDir),
  copies: new HeldCopies(0),
  options: { defaultTtlMs: 86_400_000, maxStateBytes: 1024 * 1024 },
  index,
  clock: Date.now,
  maxBytes: 1e9,
  onChange() {},
});

function put(id) {
  const state = JSON.stringify({ id, pad: 'x'.repeat(20_000) });
  const about = { by: 'filler', cause: 'put', changed: null };
  const once = { key: `key-${id}`, fingerprint: '', keepMs: 1000 };
  return store.commit('default', { once, puts: [{ id, incarnation: 'i', state, index: {}, ttl: null, about }] });
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
const settled = [];
while (settled.length < 128) {
  const [entry] = store.next(1, () => true);
  const id = entry.parts[0].put.id;
  await store.remove(entry, { [id]: { is: 'conflict' } }, []);
  settled.push(id);
}
const second = await fill('second', 3);
await store.close();
console.log(JSON.stringify({ first, settled, second }));
