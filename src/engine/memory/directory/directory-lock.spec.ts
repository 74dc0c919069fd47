import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { open, type Database, type RootDatabase } from 'lmdb';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DirectoryInUseError, DirectoryLock } from './directory-lock.js';
import { pidNamespace, processStartTime } from './process-identity.js';
import { until } from '../../../../test/support/until.js';

const timing = { beatMs: 20, silenceMs: 150 };
/** Longer than a busy machine needs for anything but the wait itself. */
const longSilence = { ...timing, silenceMs: 60_000 };

const owner = (changes: object) => ({
  token: 'other',
  pid: 1,
  host: 'elsewhere',
  startedAt: '1',
  world: 'another world',
  beat: 0,
  ...changes,
});

describe('DirectoryLock', () => {
  let directory: string;
  let root: RootDatabase<unknown, never>;
  let service: Database<unknown, string>;
  const locks: DirectoryLock[] = [];

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'waymark-lock-'));
    root = open({ path: join(directory, 'a.mdb'), noSubdir: true, maxDbs: 2, eventTurnBatching: false });
    service = root.openDB({ name: 'service' });
  });
  afterEach(async () => {
    for (const lock of locks.splice(0)) await lock.release();
    await root.close();
    await rm(directory, { recursive: true });
  });

  async function take(times = timing): Promise<DirectoryLock> {
    const lock = await DirectoryLock.take(service, directory, times);
    locks.push(lock);
    return lock;
  }
  it('lets one of two services that start at once win', async () => {
    const outcomes = await Promise.allSettled([take(), take()]);
    expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
  });

  it('refuses what is written after it was released, and is released once', async () => {
    const lock = await take();
    await Promise.all([lock.release(), lock.release()]);
    await expect(lock.write(() => service.putSync('late', 1))).rejects.toThrow(`${directory} is closed`);
    expect(service.get('late')).toBeUndefined();
  });

  it('refuses at once while the owner runs in the same pid namespace', async () => {
    const running = { pid: process.pid, startedAt: processStartTime(process.pid), world: pidNamespace() };
    service.putSync('owner', owner(running));
    await expect(take()).rejects.toThrow(`process ${process.pid} on elsewhere`);
  });

  it('takes over at once from a dead owner whose pid is in use again', async () => {
    service.putSync('owner', owner({ pid: process.pid, startedAt: '1', world: pidNamespace() }));
    const started = performance.now();
    await take(longSilence);
    expect(performance.now() - started).toBeLessThan(longSilence.silenceMs);
  });

  it('refuses while an owner in another pid namespace has a heartbeat', async () => {
    let beat = 0;
    service.putSync('owner', owner({ beat }));
    const timer = setInterval(() => service.putSync('owner', owner({ beat: ++beat })), timing.beatMs);
    await expect(take()).rejects.toBeInstanceOf(DirectoryInUseError);
    clearInterval(timer);
  });

  it('takes over from an owner in another pid namespace without a heartbeat', async () => {
    service.putSync('owner', owner({ beat: 7 }));
    const lock = await take();
    await lock.write(() => undefined);
  });

  it('writes heartbeats', async () => {
    await take();
    let beat = 0;
    while (beat < 3) {
      beat = (service.get('owner') as { beat: number }).beat;
      await new Promise((resolve) => setTimeout(resolve, timing.beatMs));
    }
  });

  describe('after a time without a heartbeat', () => {
    /** No heartbeat by itself, and clocks that move when the case says so. */
    const still = { beatMs: 60_000, silenceMs: 150_000 };
    const times = { monotonic: 0, wall: 0 };
    const clocks = { monotonic: () => times.monotonic, wall: () => times.wall };
    const takeStill = async () => {
      const lock = await DirectoryLock.take(service, directory, still, clocks);
      locks.push(lock);
      return lock;
    };

    it('asks for the owner, by the clock that shows more of it', async () => {
      const lock = await takeStill();
      for (const clock of ['monotonic', 'wall'] as const) {
        expect(lock.proven()).toBeUndefined();
        times[clock] += still.silenceMs;
        await lock.proven();
        expect(lock.isLost).toBe(false);
      }
      expect(lock.proven()).toBeUndefined();
      expect(service.get('owner')).toMatchObject({ beat: 2 });
    });

    it('does not trust a heartbeat that was written before another service has taken over', async () => {
      let answer = () => {};
      const answered = new Promise<void>((resolve) => (answer = resolve));
      const late = withTransactions(service, (run) => run().then((done) => answered.then(() => done)));
      const lock = await DirectoryLock.take(late, directory, still, clocks);
      locks.push(lock);
      times.monotonic += still.silenceMs;
      const first = lock.proven();
      await until(() => (service.get('owner') as { beat: number }).beat === 1, 'the heartbeat is written');
      service.putSync('owner', owner({}));
      const second = lock.proven();
      answer();
      await Promise.all([first, second]);
      expect(lock.isLost).toBe(true);
    });

    it('finds that another service has taken over', async () => {
      const lock = await takeStill();
      service.putSync('owner', owner({}));
      times.wall += still.silenceMs;
      await Promise.all([lock.proven(), lock.proven()]);
      expect(lock.isLost).toBe(true);
    });
  });

  it('lets no two transactions run at once: of two that fail together, lmdb may leave one without an answer', async () => {
    let running = 0;
    let most = 0;
    const watched = withTransactions(service, async (run) => {
      most = Math.max(most, ++running);
      return run().finally(() => running--);
    });
    const lock = await DirectoryLock.take(watched, directory, { ...timing, beatMs: 1 });
    locks.push(lock);
    const writes = Array.from({ length: 50 }, (_, i) => lock.write(() => void service.putSync('last', i)));
    const failing = lock.write(() => {
      throw new Error('not this one');
    });
    await expect(failing).rejects.toThrow('not this one');
    await Promise.all(writes);
    await until(() => (service.get('owner') as { beat: number }).beat > 2, 'heartbeats are written too');
    expect(most).toBe(1);
    expect(service.get('last')).toBe(49);
  });

  it('notices a takeover, and leaves the record of the new owner alone', async () => {
    const lock = await take();
    service.putSync('owner', owner({}));
    while (!lock.isLost) await new Promise((resolve) => setTimeout(resolve, timing.beatMs));
    await expect(lock.write(() => undefined)).rejects.toBeInstanceOf(DirectoryInUseError);
    await lock.release();
    expect(service.get('owner')).toEqual(owner({}));
  });
});

/** The database, with its transactions run by `around`. */
function withTransactions(
  service: Database<unknown, string>,
  around: (run: () => Promise<unknown>) => Promise<unknown>,
): Database<unknown, string> {
  return new Proxy(service, {
    get: (target, name: keyof typeof service) =>
      name === 'childTransaction'
        ? (action: () => unknown) => around(() => target.childTransaction(action) as Promise<unknown>)
        : target[name],
  });
}
