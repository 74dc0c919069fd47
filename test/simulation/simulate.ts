import { createHash } from 'node:crypto';
import { Random } from '../contract/fuzz/random.js';
import type { FeedEvent } from '../../src/engine/engine.js';
import { etagOf } from '../../src/engine/records/workflow-meta.js';
import { TENANT } from './clients.js';
import { marksIn, type Version, type Violation } from './oracle.js';
import type { Plan } from './plan.js';
import type { SimServer } from './sim-server.js';
import { liveIn, VirtualTime } from './virtual-time.js';
import { World } from './world.js';

export interface Report {
  readonly seed: number;
  readonly engine: string;
  /** Of all lines of the log. */
  readonly digest: string;
  readonly violations: readonly Violation[];
  /** Answers to clients, by call and code. */
  readonly counts: Readonly<Record<string, number>>;
  readonly virtualMs: number;
}

export interface RunOptions {
  /** Called with each line of the log. */
  readonly log?: (line: string) => void;
  /** Change to the source of scripts, to plant a bug. */
  readonly changed?: (source: string) => string;
}

/** Longest time after the end of all faults until every replica is attached. */
const RECOVERY_MS = 180_000;
const PAGE = 1000;

/** Runs a plan: the same plan gives the same log, in any process. */
export async function simulate(plan: Plan, server: SimServer, options: RunOptions = {}): Promise<Report> {
  const { seed, settings, steps } = plan;
  const digest = createHash('sha1');
  const log = (line: string) => {
    digest.update(`${line}\n`);
    options.log?.(line);
  };
  await server.clear();
  const time = new VirtualTime(seed);
  liveIn(time);
  try {
    log(`seed ${seed} ${JSON.stringify(settings)}`);
    const world = new World(settings, time, server, log, options.changed ?? ((source) => source));
    await world.start();
    for (const step of steps) await world.step(step);
    await new Judge(world, time, settings.timeoutMs, log).judge();
    const { violations } = world.oracle;
    const counts = Object.fromEntries([...world.clients.counts].toSorted(([a], [b]) => (a < b ? -1 : 1)));
    return { seed, engine: settings.engine, digest: digest.digest('hex'), violations, counts, virtualMs: time.now };
  } finally {
    liveIn(undefined);
  }
}

/** Ends the faults, waits for the replicas, reads everything and compares it with what the clients were told. */
class Judge {
  readonly #random: Random;

  constructor(
    private readonly world: World,
    private readonly time: VirtualTime,
    private readonly timeoutMs: number,
    private readonly log: (line: string) => void,
  ) {
    this.#random = new Random(0);
  }

  async judge(): Promise<void> {
    const { world, time } = this;
    const { replicas, oracle } = world;
    // Faults that were to end later, and all calls under way.
    await time.pass(2 * this.timeoutMs + 60_000);
    await world.heal();
    await time.pass(2 * this.timeoutMs + RECOVERY_MS, () => replicas.every(({ isHealthy }) => isHealthy));
    for (const { name, isHealthy, mode } of replicas)
      if (!isHealthy) oracle.violation('stuck', `${name} is ${mode}, or has writes that wait`);
    if (!replicas.every(({ isHealthy }) => isHealthy)) return;
    await time.pass(5000);
    for (const replica of replicas) replica.noteOverdue();
    await world.store.endOverdue();
    for (const mark of world.clients.deletedMarks()) oracle.over.add(mark);
    try {
      await this.#judgeWorkflows();
      await this.#judgeTasks();
      await this.#judgeFeed();
    } catch (error) {
      oracle.violation('threw', `while judging: ${String(error instanceof Error ? error.stack : error).slice(0, 400)}`);
    }
    this.log(`end at ${Math.round(time.now)}: ${oracle.violations.length} violations`);
  }

  async #judgeWorkflows(): Promise<void> {
    const { clients, oracle, replicas, store } = this.world;
    // A detached write that has ended before its drain never reaches the store, which so tells nothing of its end.
    const nowMs = replicas[0]?.mode === 'memory' ? this.time.trueMs : store.latestMs;
    for (const id of clients.ids) {
      const { engine } = this;
      const page = await this.#real(() => engine.listVersions(TENANT, id, { limit: PAGE, includeState: true }));
      const versions = (page?.versions ?? []).map((version): Version => {
        return { etag: etagOf(version), text: version.state ?? '', updatedAtMs: version.updatedAtMs };
      });
      const conflicts = new Set(await this.#conflictsOf(id));
      const current = await this.#real(() => engine.find(TENANT, id));
      if (current !== undefined && versions[0] !== undefined && versions[0].text !== current.state) {
        oracle.violation('fork', `the newest version of ${id} is ${versions[0].text}, and its state ${current.state}`);
      }
      oracle.judge(id, versions.toReversed(), conflicts, nowMs);
    }
  }

  async #conflictsOf(id: string): Promise<string[]> {
    const { engine } = this;
    const marks: string[] = [];
    let before: number | undefined;
    do {
      const page = await this.#real(() =>
        engine.listConflicts(TENANT, id, { limit: 100, ...(before !== undefined && { before }) }),
      );
      for (const { n } of page.conflicts) {
        const conflict = await this.#real(() => engine.findConflict(TENANT, id, n));
        marks.push(
          ...marksIn(conflict?.state ?? ''),
          ...(conflict?.publish ?? []).flatMap(({ payload }) => marksIn(payload)),
        );
        for (const task of conflict?.enqueue ?? []) this.world.clients.started.add(task.id);
      }
      before = page.nextBefore ?? undefined;
    } while (before !== undefined);
    return marks;
  }

  /** A task that was accepted, and that nobody has claimed, is there. */
  async #judgeTasks(): Promise<void> {
    const { clients, oracle, isTrimmed } = this.world;
    const { engine } = this;
    // After a day, the conflict record that has the task may have ended.
    if (isTrimmed) return;
    for (const [id, fate] of clients.enqueued) {
      if (fate !== 'acknowledged' || clients.started.has(id) || oracle.excused.has(id)) continue;
      const task = await this.#real(() => engine.tasks.find(TENANT, id));
      if (task === undefined) oracle.violation('lost', `task ${id} is nowhere`);
    }
  }

  async #judgeFeed(): Promise<void> {
    const { clients, oracle, isTrimmed, replicas } = this.world;
    const all: FeedEvent[] = [];
    for (let after: string | undefined; ; after = all.at(-1)?.id) {
      const { engine } = this;
      const events = await this.#real(() => engine.readFeed(TENANT, after, PAGE));
      all.push(...events);
      if (events.length === 0) break;
    }
    const times = new Map<string, number>();
    for (const { id, type, fields } of all) {
      oracle.saw(`event ${id}`, JSON.stringify([type, fields]));
      for (const mark of marksIn(fields['payload'] ?? '')) times.set(mark, (times.get(mark) ?? 0) + 1);
    }
    const isMoved = replicas[0]?.mode !== 'memory';
    for (const [mark, fate] of clients.published) {
      if (isMoved && clients.inEmbeddedFeed.has(mark)) continue;
      const found = times.get(mark) ?? 0;
      // Without its key, a message of an outage is published again.
      if (found > 1 && !oracle.keyless.has(mark))
        oracle.violation('twice', `message ${mark} is ${found} times in the feed`);
      if (found === 1 && fate === 'refused') oracle.violation('refused', `message ${mark} is in the feed`);
      if (found === 0 && fate === 'acknowledged' && !isTrimmed && !oracle.excused.has(mark)) {
        oracle.violation('lost', `message ${mark} is not in the feed`);
      }
    }
    const [replica] = replicas;
    if (replica === undefined) return;
    for (const reader of clients.readers) {
      reader.isReading = false;
      const turn = { n: -1, replica, random: this.#random };
      for (let i = 0; i < 20; i++) {
        const read = await this.#real(() => clients.readOn(turn, reader, PAGE));
        if (read === 0) break;
      }
      reader.judge(
        all.map(({ id }) => id),
        isTrimmed,
      );
    }
  }

  /** A replica that is there: the moves have ended. */
  private get engine() {
    const engine = this.world.replicas[0]?.engine;
    if (engine === undefined) throw new Error('the replica is down');
    return engine;
  }

  /** Lets time pass until the answer is there. */
  async #real<T>(ask: () => Promise<T>): Promise<T> {
    const [replica] = this.world.replicas;
    let end: { readonly value: T } | { readonly error: unknown } | undefined;
    const asked = replica === undefined ? ask() : replica.in(ask);
    asked.then(
      (value) => (end = { value }),
      (error: unknown) => (end = { error }),
    );
    // A silent connection ends after one timeout, and the answer may need another one.
    await this.time.pass(2 * this.timeoutMs + 200_000, () => end !== undefined);
    if (end === undefined) throw new Error('no answer');
    if ('error' in end) throw end.error;
    return end.value;
  }
}
