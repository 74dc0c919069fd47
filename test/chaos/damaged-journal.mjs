// Makes and reads journals of the embedded engine for damage-journals.ts, since a damaged file could end the process.
// Argument: URL of the compiled sources. Each line of stdin is a command, each line of stdout its answer.
import { createHash, randomUUID } from 'node:crypto';
import { createInterface } from 'node:readline';

const [sources] = process.argv.slice(2);
const { LmdbJournal } = await import(`${sources}engine/memory/journal/lmdb-journal.js`);
const { repairJournal } = await import(`${sources}engine/memory/journal/repair-journal.js`);
const { openMemoryEngine } = await import(`${sources}engine/memory/open-memory-engine.js`);
const { WorkflowIndex } = await import(`${sources}engine/workflow-index.js`);

const say = (answer) => process.stdout.write(`${JSON.stringify(answer)}\n`);
const index = new WorkflowIndex(['/status']);
const options = {
  defaultTtlMs: 86_400_000,
  maxStateBytes: 2 * 1024 * 1024,
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

function putOf(id, value) {
  const state = JSON.stringify(value);
  const about = { by: 'writer', cause: 'put', changed: null };
  return { id, incarnation: `life-of-${id}`, state, index: index.ofState(state), ttl: null, about };
}

function taskOf(n) {
  return {
    id: `task-${n}`,
    queue: `q-${n % 3}`,
    payload: JSON.stringify({ n, pad: 'p'.repeat((n * 37) % 3000) }),
    headers: '{}',
    priority: 5,
    start: { delayMs: 0 },
    maxAttempts: 4,
    backoffMs: [5000],
    leaseMs: 30_000,
    limitMs: null,
    expires: { afterDueMs: 604_800_000 },
  };
}

/** Workflows with history, tasks, outcomes and events, some states longer than a page, and pages that are free again. */
async function make(dataDir) {
  const engine = await openMemoryEngine({ dataDir, options, index });
  let n = 0;
  const commit = (parts) =>
    engine.commit(`tenant-${n % 3}`, { once: { key: randomUUID(), fingerprint: 'f', keepMs: 86_400_000 }, ...parts });
  for (; n < 900; n++) {
    const size = n % 300 === 7 ? 1_000_000 : n % 40 === 0 ? 20_000 : (n * 131) % 900;
    const puts = [putOf(`w-${n % 240}`, { n, status: `s${n % 3}`, pad: 'x'.repeat(size) })];
    await commit({ puts, ...(n % 4 === 0 && { enqueue: [taskOf(n)] }) });
  }
  for (n = 0; n < 30; n++) await commit({ deletes: [{ id: `w-${n}` }] });
  // The last transaction only adds records: a repair may have to save the state before it.
  await commit({ puts: [putOf('last', {})] });
  return engine;
}

/** A digest for each record. */
function* recordsOf(journal) {
  for (const { value, ...about } of journal.read()) {
    // Without its bytes, which JSON would write as a list of numbers.
    const bytes = value instanceof Uint8Array ? value : value.state;
    const rest = value instanceof Uint8Array ? undefined : { ...value, ...(bytes && { state: undefined }) };
    const hash = createHash('sha256')
      .update(JSON.stringify({ ...about, rest }))
      .update(bytes ?? '');
    yield hash.digest('hex').slice(0, 16);
  }
}

function digestOf(journal) {
  const hash = createHash('sha256').update(journal.epoch);
  for (const record of recordsOf(journal)) hash.update(record);
  return hash.digest('hex');
}

/** Digest of what a start restores; then of what is there after writes that take pages, and deletes that free them. */
async function read(dataDir) {
  const changes = (value) =>
    Array.from({ length: 40 }, (_, i) => ({
      kind: 'text',
      tenant: 'later',
      id: `t-${i}`,
      which: 'payload',
      value: value(i),
    }));
  const digests = [];
  const records = [];
  for (const round of [1, 2]) {
    const journal = await LmdbJournal.open(dataDir);
    try {
      digests.push(digestOf(journal));
      if (round === 1) records.push(...recordsOf(journal));
      if (round === 2) break;
      await journal.write(changes((i) => Buffer.alloc(i * 900, i)));
      await journal.write(changes(() => undefined));
    } finally {
      await journal.close();
    }
  }
  return { digests, records };
}

/** Repairs into another directory, which must start, and tells the digests of its records. */
async function repair({ from, to }) {
  const { damageCount, incomplete } = await repairJournal(from, to);
  await (await openMemoryEngine({ dataDir: to, options, index })).close();
  const journal = await LmdbJournal.open(to);
  try {
    return { records: [...recordsOf(journal)], damageCount, incomplete: incomplete.length };
  } finally {
    await journal.close();
  }
}

for await (const line of createInterface(process.stdin)) {
  const { make: made, read: asked, repair: repaired, stays } = JSON.parse(line);
  try {
    if (asked !== undefined) say(await read(asked));
    else if (repaired !== undefined) say(await repair(repaired));
    else {
      const engine = await make(made);
      if (!stays) await engine.close();
      say({ made });
    }
  } catch (error) {
    say({
      refused: error.message,
      name: error.name,
      ...(error.name !== 'DamagedJournalError' && { stack: error.stack }),
    });
  }
}
