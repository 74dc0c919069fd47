import { ownOnce } from '../../src/engine/commit.js';
import { KEY_NAMES, prefixOf, stateKey } from '../../src/engine/redis/keys.js';
import { Random } from '../contract/fuzz/random.js';
import { Clients, TENANT, type Turn } from './clients.js';
import { Oracle } from './oracle.js';
import type { Settings, Step, StepKind } from './plan.js';
import { NAMESPACE, Replica } from './replica.js';
import { SimStore } from './sim-store.js';
import type { SimServer } from './sim-server.js';
import type { VirtualTime } from './virtual-time.js';

const DAY_MS = 25 * 3_600_000;

/** Replicas, their store, their clients, and what goes wrong between them. */
export class World {
  readonly oracle: Oracle;
  readonly clients: Clients;
  readonly store: SimStore;
  readonly replicas: readonly Replica[];
  /** Old events may have been removed from the feed. */
  isTrimmed = false;

  constructor(
    private readonly settings: Settings,
    private readonly time: VirtualTime,
    server: SimServer,
    private readonly log: (line: string) => void,
    changed: (source: string) => string,
  ) {
    this.oracle = new Oracle(log);
    const witness = {
      expired: (key: string, value: string) => {
        if (isState(key)) this.oracle.ended(value);
      },
      lost: (marks: Iterable<string>) => {
        for (const mark of marks) this.oracle.excused.add(mark);
      },
    };
    this.store = new SimStore(time, server, witness, changed);
    const count = settings.engine === 'redis' ? settings.replicas : 1;
    this.replicas = Array.from({ length: count }, (_, i) => {
      const ended = { expired: (state: string) => this.oracle.ended(state) };
      return new Replica({ name: `R${i + 1}`, time, store: this.store, settings, witness: ended });
    });
    this.clients = new Clients({
      oracle: this.oracle,
      log,
      trueMs: () => time.trueMs,
      storeMs: settings.engine === 'redis' ? () => this.store.nowMs : undefined,
    });
  }

  async start(): Promise<void> {
    for (const replica of this.replicas) replica.start();
    await this.time.pass(10_000, () => this.replicas.every(({ isHealthy }) => isHealthy));
  }

  async step({ n, kind, seed }: Step): Promise<void> {
    const random = new Random(seed);
    const turn = { n, replica: random.pick(this.replicas), random };
    const act = this.#acts[kind];
    this.log(`${Math.round(this.time.now)} #${n} ${kind} ${turn.replica.name}`);
    await act(turn);
    await this.time.pass(random.chance(0.3) ? 0 : random.below(120));
  }

  /** Ends all faults. The former master becomes a replica, so connections to it end. */
  async heal(): Promise<void> {
    for (const { network, disk } of this.replicas) {
      Object.assign(network, { isDown: false, lateChance: 0, requestMs: 0, replyMs: 0 });
      disk.isFull = false;
    }
    this.store.refusedKeys.clear();
    await this.store.replicate();
    for (const replica of this.replicas) if (replica.engine === undefined) replica.start();
  }

  readonly #acts: Readonly<Record<StepKind, (turn: Turn) => void | Promise<void>>> = {
    write: (turn) => void this.clients.write(turn),
    append: (turn) => void this.clients.append(turn),
    create: (turn) => void this.clients.create(turn),
    remove: (turn) => void this.clients.remove(turn),
    touch: (turn) => void this.clients.touch(turn),
    read: (turn) => void this.clients.read(turn),
    retry: (turn) => void this.clients.retry(turn),
    enqueue: (turn) => void this.clients.enqueue(turn),
    claim: (turn) => void this.clients.claim(turn),
    reclaim: (turn) => void this.clients.reclaim(turn),
    'give-back': (turn) => void this.clients.giveBack(turn),
    complete: (turn) => void this.clients.complete(turn),
    step: (turn) => void this.clients.step(turn),
    publish: (turn) => void this.clients.publish(turn),
    feed: (turn) => void this.clients.feed(turn),
    confirm: (turn) => void this.clients.confirm(turn),
    pause: (turn) => void this.clients.pause(turn),
    pass: ({ random }) => this.time.pass(random.below(5000)),
    minutes: ({ random }) => this.time.pass(random.below(120_000)),
    day: () => this.#passDay(),
    away: ({ replica, random }) => this.#away(replica, random.below(20_000)),
    slow: ({ replica, random }) => this.#slow(replica, random),
    late: ({ replica, random }) => this.#late(replica, random),
    withhold: (turn) => this.#withhold(turn),
    refuse: ({ random }) => this.#refuse(random),
    replicate: () => this.store.replicate(),
    failover: () => this.#failOver(() => true),
    'half-failover': ({ random }) => {
      const stays = random.below(4);
      this.#failOver((line) => line !== stays);
    },
    restart: () => this.store.restart(),
    wipe: () => this.store.wipe().then(() => this.#forgetOrder()),
    'server-clock': ({ random }) => {
      this.store.skewMs[random.below(2)] = random.pick([-3_600_000, -5000, 0, 0, 5000, 60_000]);
      this.clients.leases.forget();
    },
    'replica-clock': ({ replica, random }) => {
      replica.skewMs = random.pick([-60_000, -2000, 0, 0, 2000, 60_000]);
      if (this.settings.engine !== 'redis') this.clients.leases.forget();
    },
    crash: ({ replica, random }) => this.#crash(replica, random.below(10_000)),
    'full-disk': ({ replica, random }) => {
      replica.disk.isFull = true;
      this.time.after(random.below(20_000), () => void (replica.disk.isFull = false));
    },
    attach: ({ replica }) => {
      replica.attach().then(
        (phase) => this.log(`${replica.name} attach: ${phase}`),
        (error: Error) => this.log(`${replica.name} attach: ${error.message}`),
      );
    },
  };

  #away({ network }: Replica, forMs: number): void {
    network.isDown = true;
    this.time.after(forMs, () => void (network.isDown = false));
  }

  #slow({ network }: Replica, random: Random): void {
    const { requestMs, replyMs } = network;
    Object.assign(network, random.chance(0.5) ? { requestMs: random.below(3000) } : { replyMs: random.below(3000) });
    this.time.after(random.below(10_000), () => void Object.assign(network, { requestMs, replyMs }));
  }

  /** Requests on the way when a connection is lost arrive later. */
  #late({ network }: Replica, random: Random): void {
    Object.assign(network, { lateChance: 0.7, lateMs: random.below(20_000) });
    this.#cut(random);
    this.time.after(random.below(20_000), () => void (network.lateChance = 0));
  }

  #cut(random: Random): void {
    const kept = random.below(4);
    for (const driver of this.store.drivers) driver.cut((line) => line !== kept);
  }

  /**
   * Replies are held back until the connections are cut, for longer than a service keeps the keys of its own retries. The
   * first one is that of a write under such a key.
   */
  #withhold(turn: Turn): void {
    const { n, random } = turn;
    const { network } = turn.replica;
    const { replyMs } = network;
    network.replyMs = 120_000;
    const forMs = 31_000 + random.below(25_000);
    this.time.after(forMs, () => {
      network.replyMs = replyMs;
      for (const driver of this.store.drivers) driver.cut(() => true);
    });
    void this.clients.publish(turn, ownOnce(`key-m${n}`));
  }

  /** The store refuses whatever names one workflow, for a while: writes that were accepted detached have to wait. */
  #refuse(random: Random): void {
    const key = stateKey(prefixOf(NAMESPACE, TENANT), random.pick([...this.clients.ids]));
    this.store.refusedKeys.add(key);
    this.time.after(random.below(120_000), () => void this.store.refusedKeys.delete(key));
  }

  #failOver(cuts: (line: number) => boolean): void {
    this.store.failOver(cuts);
    this.#forgetOrder();
  }

  /** After a loss, leases may be given again. */
  #forgetOrder(): void {
    this.clients.leases.forget();
  }

  #crash(replica: Replica, forMs: number): void {
    // The writes that an attached replica accepts while Redis is away are kept in memory only.
    if (replica.engine === undefined || replica.isMoving) return;
    replica.crash();
    this.time.after(forMs, () => {
      if (replica.engine === undefined) replica.start();
    });
  }

  /** Keys of clients end, and so does the retention of events. A jump, since a day of sweeps would take seconds. */
  async #passDay(): Promise<void> {
    this.isTrimmed = true;
    await this.time.pass(20_000);
    this.time.jump(DAY_MS);
    for (const mark of this.oracle.writes.keys()) this.oracle.keyless.add(mark);
    for (const mark of this.clients.published.keys()) this.oracle.keyless.add(mark);
    await this.time.pass(20_000);
  }
}

const STATE = new RegExp(`(^|:)(${KEY_NAMES.state}|${KEY_NAMES.conflictState})`);

function isState(key: string): boolean {
  return STATE.test(key);
}
