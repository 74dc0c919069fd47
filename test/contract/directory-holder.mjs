// Holds a data directory until it is killed or its input ends. Prints 'open' or the refusal in one line.
// Arguments: URL of the compiled sources, data directory.
import { writeSync } from 'node:fs';

const [sources, dataDir] = process.argv.slice(2);
const { openMemoryEngine } = await import(`${sources}engine/memory/open-memory-engine.js`);
const { WorkflowIndex } = await import(`${sources}engine/workflow-index.js`);

const options = {
  defaultTtlMs: 86_400_000,
  maxStateBytes: 1024 * 1024,
  historyLimit: 5,
  historyMaxBytes: 1024 * 1024,
  tasks: { maxOpen: 1000, resultMs: 3_600_000, progressMs: 600_000, deadMs: 604_800_000, maxDead: 1000 },
};
try {
  const engine = await openMemoryEngine({ dataDir, options, index: new WorkflowIndex([]) });
  writeSync(1, 'open\n');
  for await (const _ of process.stdin);
  await engine.close();
} catch (error) {
  writeSync(1, `${error.message}\n`);
}
