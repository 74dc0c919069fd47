import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { open } from 'lmdb';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { until } from '../support/until.js';
import { compileSources, type CompiledSources } from '../support/compiled-sources.js';

const HOLDER = new URL('./directory-holder.mjs', import.meta.url).pathname;

interface Holder {
  readonly child: ChildProcess;
  /** First line of the output: 'open' or the refusal. */
  readonly said: string;
  /** Sends a command, and returns the answer. */
  ask(command: string): Promise<string>;
}

interface Owner {
  readonly world: string;
  readonly beat: number;
}

async function end(child: ChildProcess, signal?: 'SIGKILL'): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  if (signal === undefined) child.stdin?.end();
  else child.kill(signal);
  await ended;
}

describe('A data directory', () => {
  let sources: CompiledSources;
  let dataDir: string;
  const holders: Holder[] = [];

  beforeAll(async () => {
    sources = await compileSources();
  });
  afterAll(async () => {
    await sources.remove();
  });
  beforeEach(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'waymark-lock-'));
  });
  afterEach(async () => {
    for (const { child } of holders.splice(0)) await end(child, 'SIGKILL');
    await rm(dataDir, { recursive: true, force: true });
  });

  async function hold(): Promise<Holder> {
    const child = spawn(process.execPath, [HOLDER, sources.url, dataDir], { stdio: ['pipe', 'pipe', 'inherit'] });
    const lines = createInterface(child.stdout);
    const nextLine = async () => ((await once(lines, 'line')) as [string])[0];
    const said = await nextLine();
    const ask = (command: string) => {
      const answer = nextLine();
      child.stdin.write(`${command}\n`);
      return answer;
    };
    const holder = { child, said, ask };
    holders.push(holder);
    return holder;
  }

  it('serves one process at a time, and the refusal names it', async () => {
    const first = await hold();
    expect(first.said).toBe('open');
    const second = await hold();
    expect(second.said).toContain(`${dataDir} is in use by another service (process ${first.child.pid} on `);
    await end(first.child);
    expect((await hold()).said).toBe('open');
  });

  it('is free again as soon as its process was killed', async () => {
    for (let round = 0; round < 3; round++) {
      const { child, said } = await hold();
      expect(said).toBe('open');
      await end(child, 'SIGKILL');
    }
  });

  it('answers no read from a process that slept, and was replaced meanwhile', async () => {
    const [first, root] = [await hold(), open({ path: join(dataDir, 'waymark.mdb'), noSubdir: true, maxDbs: 16 })];
    const service = root.openDB<Owner, string>({ name: 'service' });
    const owner = () => service.transactionSync(() => service.get('owner') as Owner);
    try {
      expect(await first.ask('put 1')).toBe('done');
      // Just after a heartbeat, the process has no transaction open.
      const { beat } = owner();
      await until(() => owner().beat > beat, 'the heart beats');
      first.child.kill('SIGSTOP');
      // An owner of another container, whose process cannot be looked up.
      service.transactionSync(() => service.putSync('owner', { ...owner(), world: 'another' }));
      const second = await hold();
      expect(second.said).toBe('open');
      expect(await second.ask('put 2')).toBe('done');
      const asked = first.ask('get');
      first.child.kill('SIGCONT');
      expect(await asked).toBe('STORE_UNAVAILABLE');
      expect(await second.ask('get')).toBe('{"n":2}');
    } finally {
      await root.close();
    }
  });

  it('goes to exactly one of several that start at once', async () => {
    const said = (await Promise.all([hold(), hold(), hold(), hold()])).map((holder) => holder.said);
    expect(said.filter((line) => line === 'open')).toHaveLength(1);
    expect(said.filter((line) => line.includes('is in use by another service'))).toHaveLength(3);
  });
});
