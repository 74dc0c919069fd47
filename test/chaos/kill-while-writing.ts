import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { openMemoryEngine } from '../../src/engine/memory/open-memory-engine.js';
import { WorkflowIndex } from '../../src/engine/workflow-index.js';
import { compileSources } from '../support/compiled-sources.js';

interface Begun {
  readonly begins: number;
  readonly id: string;
  readonly kind: 'put' | 'patch' | 'delete';
}

interface Done {
  readonly done: number;
  readonly id: string;
  readonly kind: 'put' | 'patch' | 'delete';
  readonly version: number | null;
  readonly incarnation: string | null;
}

/** Knowledge about one workflow: its last acknowledged write, and the one that was running when the process died. */
interface Known {
  acknowledged: Done | undefined;
  underWay: Begun | undefined;
}

export interface KillReport {
  readonly acknowledged: number;
  /** Writes that were found without having been acknowledged; allowed. */
  readonly foundUnacknowledged: number;
  readonly checkedWorkflows: number;
  /** One sentence each; none on a correct engine. */
  readonly violations: readonly string[];
}

const WRITER = new URL('./journal-writer.mjs', import.meta.url).pathname;
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

/** Kills a writing process again and again, on one directory, and each time looks up everything it had acknowledged. */
export async function killWhileWriting(rounds: number, writesPerRound: number, seed: number): Promise<KillReport> {
  const dataDir = await mkdtemp(join(tmpdir(), 'waymark-kill-'));
  const sources = await compileSources();
  const known = new Map<string, Known>();
  const violations: string[] = [];
  let next = 1;
  let acknowledged = 0;
  let foundUnacknowledged = 0;
  let checkedWorkflows = 0;
  try {
    for (let round = 0; round < rounds; round++) {
      // In the second half of the round, at another place each time.
      const killAfter = Math.ceil(writesPerRound * (0.5 + ((seed * 31 + round * 17) % 50) / 100));
      const lines = await writeUntilKilled([sources.url, dataDir, String(seed + round), String(next)], killAfter);
      for (const line of lines) {
        const entry = known.get(line.id) ?? { acknowledged: undefined, underWay: undefined };
        known.set(line.id, entry);
        if ('begins' in line) {
          entry.underWay = line;
          next = Math.max(next, line.begins + 1);
        } else {
          entry.acknowledged = line;
          entry.underWay = undefined;
          acknowledged++;
        }
      }
      foundUnacknowledged += await check(dataDir, known, violations, round);
      checkedWorkflows += known.size;
    }
  } finally {
    await sources.remove();
    await rm(dataDir, { recursive: true, force: true });
  }
  return { acknowledged, foundUnacknowledged, checkedWorkflows, violations };
}

async function writeUntilKilled(args: readonly string[], killAfter: number): Promise<(Begun | Done)[]> {
  const child = spawn(process.execPath, [WRITER, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  const exited = once(child, 'close');
  let complaints = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (complaints += text));
  const lines: (Begun | Done)[] = [];
  let done = 0;
  for await (const line of createInterface(child.stdout)) {
    // The last line may have been cut off by the kill.
    if (!line.endsWith('}')) continue;
    const parsed = JSON.parse(line) as Begun | Done;
    lines.push(parsed);
    if ('done' in parsed && ++done === killAfter) child.kill('SIGKILL');
  }
  const [, signal] = (await exited) as [number | null, NodeJS.Signals | null];
  if (signal !== 'SIGKILL') throw new Error(`The writer ended by itself: ${complaints}`);
  return lines;
}

/** Compares the directory with the known writes, and takes its content as known from now on. */
async function check(dataDir: string, known: Map<string, Known>, violations: string[], round: number): Promise<number> {
  const engine = await openMemoryEngine({ dataDir, options, index: new WorkflowIndex(['/status']) });
  let foundUnacknowledged = 0;
  try {
    for (const [id, entry] of known) {
      const { acknowledged, underWay } = entry;
      const found = await engine.find('default', id);
      const there = found === undefined ? 'absent' : `${found.incarnation} version ${found.version}`;
      if (underWay !== undefined && (await engine.findOutcome('default', `key-${underWay.begins}`, 'same'))) {
        // The write reached the disk, effect and outcome together.
        foundUnacknowledged++;
        const n = found && (JSON.parse(found.state) as { n: number }).n;
        const isThere = underWay.kind === 'delete' ? found === undefined : n === underWay.begins;
        if (!isThere)
          violations.push(`round ${round}: ${id} has an outcome of write ${underWay.begins} without effect`);
        entry.acknowledged = {
          ...underWay,
          done: underWay.begins,
          version: found?.version ?? null,
          incarnation: found?.incarnation ?? null,
        };
      } else if (acknowledged !== undefined) {
        const expected =
          acknowledged.version === null ? 'absent' : `${acknowledged.incarnation} version ${acknowledged.version}`;
        if (there !== expected) violations.push(`round ${round}: ${id} is ${there}, acknowledged was ${expected}`);
        const n = found && (JSON.parse(found.state) as { n: number }).n;
        if (n !== undefined && n !== acknowledged.done)
          violations.push(`round ${round}: ${id} has the state of write ${n}`);
        const outcome = await engine.findOutcome('default', `key-${acknowledged.done}`, 'same');
        if (outcome === undefined) violations.push(`round ${round}: the outcome of write ${acknowledged.done} is gone`);
      } else if (found !== undefined) {
        violations.push(`round ${round}: ${id} is ${there} without any outcome`);
      }
      entry.underWay = undefined;
      if (found !== undefined) {
        const page = await engine.listVersions('default', id, { limit: 100, includeState: false });
        const versions = page?.versions.map(({ version }) => version) ?? [];
        const isWhole = versions.every((version, i) => version === found.version - i);
        const most = Math.min(found.version, options.historyLimit + 1);
        if (!isWhole || versions.length !== most)
          violations.push(`round ${round}: ${id} has versions ${versions.join()}`);
      }
    }
    const listed = await engine.count('default', {});
    const expected = [...known.values()].filter(
      ({ acknowledged }) => acknowledged !== undefined && acknowledged.version !== null,
    );
    if (listed !== expected.length)
      violations.push(`round ${round}: ${listed} workflows instead of ${expected.length}`);
  } finally {
    await engine.close();
  }
  return foundUnacknowledged;
}
