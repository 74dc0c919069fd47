// Holds a data directory until it is killed or its input ends. Prints 'open' or the refusal in one line.
// Then it answers lines: 'put <number>' writes a workflow, 'get' reads it; a failure answers its code.
// Arguments: URL of the compiled sources, data directory.
import { randomUUID } from 'node:crypto';
import { writeSync } from 'node:fs';
import { createInterface } from 'node:readline';

const [sources, dataDir] = process.argv.slice(2);
const { openMemoryEngine } = await import(`${sources}engine/memory/open-memory-engine.js`);
const { WorkflowIndex } = await import(`${sources}engine/workflow-index.js`);

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

async function put(engine, n) {
  const about = { by: 'test', cause: 'put', changed: null };
  const once = { key: randomUUID(), fingerprint: '', keepMs: 1000 };
  await engine.commit('default', {
    once,
    puts: [{ id: 'w', incarnation: randomUUID().slice(0, 8), state: `{"n":${n}}`, index: {}, ttl: null, about }],
  });
  return 'done';
}

try {
  const engine = await openMemoryEngine({ dataDir, options, index: new WorkflowIndex([]) });
  writeSync(1, 'open\n');
  for await (const line of createInterface({ input: process.stdin })) {
    const [command, n] = line.split(' ');
    const answer = command === 'put' ? put(engine, n) : engine.find('default', 'w').then(({ state }) => state);
    writeSync(1, `${await answer.catch(({ code }) => code)}\n`);
  }
  await engine.close();
} catch (error) {
  writeSync(1, `${error.message}\n`);
}
