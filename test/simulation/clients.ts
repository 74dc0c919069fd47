import { ownOnce, type Commit, type Once, type Outcome, type Ttl } from '../../src/engine/commit.js';
import type { Engine } from '../../src/engine/engine.js';
import { etagOf, type WorkflowMeta } from '../../src/engine/records/workflow-meta.js';
import type { Claim, ClaimedTask, NewTask, TaskStep } from '../../src/engine/task.js';
import { ServiceError } from '../../src/service-error.js';
import { leaseOnce } from '../../src/tasks/lease-once.js';
import { jsonPatchEdit } from '../../src/workflows/edits/json-patch-edit.js';
import type { Random } from '../contract/fuzz/random.js';
import { patch, putText, remove, touch } from '../support/parts.js';
import { FeedReader } from './feed-oracle.js';
import { LeaseOracle } from './lease-oracle.js';
import type { Fate, MarkedWrite, Oracle, State } from './oracle.js';
import type { Replica } from './replica.js';

export const TENANT = 'default';
const IDS = ['a', 'b', 'c', 'd', 'e'];
const QUEUES = ['q', 'r'];
const CLIENT_KEY_MS = 86_400_000;
/** Clients repeat a request for this long. */
const REPEATED_FOR_MS = 3_600_000;
const KEPT_REQUESTS = 12;

interface Sent {
  readonly mark: string;
  readonly what: string;
  readonly commit: Commit;
  readonly sentMs: number;
}

interface Lease {
  readonly id: string;
  readonly token: string;
}

interface SentClaim {
  readonly claim: Claim;
  readonly key: string;
  readonly sentMs: number;
  /** Tasks of the answers that were lost on the way to the client. */
  undelivered: readonly ClaimedTask[];
  /** The claim was sent again. */
  isRepeated: boolean;
}

export interface ClientParts {
  readonly oracle: Oracle;
  readonly log: (line: string) => void;
  /** Time without any skew. */
  readonly trueMs: () => number;
  /**
   * Time by the clock of the store, which ends leases. Undefined for the embedded engine, which goes by the monotonic
   * clock: there, leases last for their true time.
   */
  readonly storeMs: (() => number) | undefined;
}

/** One step of a client. */
export interface Turn {
  readonly n: number;
  readonly replica: Replica;
  readonly random: Random;
}

/** Clients of the service. Each call may stay without an answer for ever, as that of a process that died. */
export class Clients {
  readonly ids = new Set(IDS);
  readonly leases: LeaseOracle;
  readonly readers: readonly FeedReader[];
  /** Published messages, and tasks that were enqueued, by what the client was told. */
  readonly published = new Map<string, Fate>();
  /** Requests without an answer, by message. */
  readonly #openMessages = new Map<string, number>();
  /** Messages in the feed of the embedded engine, which does not move. */
  readonly inEmbeddedFeed = new Set<string>();
  readonly enqueued = new Map<string, Fate>();
  /** Tasks that a client has claimed, cancelled or left to expire. */
  readonly started = new Set<string>();
  readonly counts = new Map<string, number>();
  readonly #deletes: { readonly seen: readonly string[]; fate: Fate }[] = [];
  readonly #sent: Sent[] = [];
  readonly #claims: SentClaim[] = [];
  readonly #held: Lease[] = [];
  /** Tokens that a worker has had. A repeat of the claim brings them again, but the worker ends its task once. */
  readonly #tokens = new Set<string>();

  constructor(private readonly parts: ClientParts) {
    this.leases = new LeaseOracle(parts.oracle);
    this.readers = ['reader-1', 'reader-2'].map((name) => new FeedReader(name, parts.oracle));
  }

  /** Marks of workflows that a client has deleted, or may have. */
  deletedMarks(): readonly string[] {
    return this.#deletes.filter(({ fate }) => fate !== 'refused').flatMap(({ seen }) => seen);
  }

  async write(turn: Turn): Promise<void> {
    const { n, random } = turn;
    const id = random.pick([...this.ids]);
    const mark = `m${n}`;
    const isBlind = random.chance(0.06);
    const ttl = this.#ttl(random);
    const task = random.chance(0.15) ? this.#task(n, random, id) : undefined;
    const once = this.#once(mark, random);
    const isSlow = random.chance(0.1);
    const record = await this.#find(turn, id);
    if (record === 'unread') return;
    if (isSlow) await new Promise((resolve) => void setTimeout(resolve, random.below(5000)));
    const seen = record === undefined ? [] : seenIn(record.state);
    const state: State = { seen: [...seen, mark], by: mark, ...(isBlind && { blind: true }) };
    const expect = record === undefined ? { exists: false } : { etags: [etagOf(record)] };
    const options = { ttl, incarnation: `i${n}`, ...(!isBlind && { expect }) };
    const put = putText(id, JSON.stringify(state), options);
    if (task !== undefined) this.enqueued.set(task.id, 'sent');
    await this.#commit(
      turn,
      { mark, id, what: 'put', seen, isBlind },
      { once, puts: [put], ...(task && { enqueue: [task] }) },
    );
  }

  /** A new workflow, under an id of the service. */
  async create(turn: Turn): Promise<void> {
    const { n, random } = turn;
    const [mark, id] = [`m${n}`, `new-${n}`];
    const put = putText(id, JSON.stringify({ seen: [mark], by: mark } satisfies State), {
      ttl: this.#ttl(random),
      incarnation: `i${n}`,
      expect: { exists: false },
    });
    const write = { mark, id, what: 'create', seen: [] };
    this.ids.add(id);
    await this.#commit(turn, write, { once: this.#once(mark, random), puts: [{ ...put, isNewId: true }] });
  }

  async append(turn: Turn): Promise<void> {
    const { n, random } = turn;
    const id = random.pick([...this.ids]);
    const mark = `m${n}`;
    const edit = jsonPatchEdit(
      JSON.stringify([
        { op: 'add', path: '/seen/-', value: mark },
        { op: 'add', path: '/by', value: mark },
      ]),
    );
    const once = this.#once(mark, random);
    const write = { mark, id, what: 'append', seen: [] };
    await this.#commit(turn, write, { once, patches: [patch(id, edit, { ttl: this.#ttl(random) })] });
  }

  async remove(turn: Turn): Promise<void> {
    const { n, random } = turn;
    const id = random.pick([...this.ids]);
    const record = await this.#find(turn, id);
    if (record === 'unread' || record === undefined) return;
    const gone: { readonly seen: readonly string[]; fate: Fate } = {
      seen: this.parts.oracle.withReplaced(seenIn(record.state)),
      fate: 'sent',
    };
    this.#deletes.push(gone);
    const commit = { once: this.#once(`d${n}`, random), deletes: [remove(id, { etags: [etagOf(record)] })] };
    const { fate } = await this.#call(turn, 'delete', id, (engine) => engine.commit(TENANT, commit));
    gone.fate = fate;
  }

  async touch(turn: Turn): Promise<void> {
    const { n, random } = turn;
    const id = random.pick([...this.ids]);
    const commit = { once: this.#once(`u${n}`, random), touches: [touch(id, this.#ttl(random))] };
    await this.#call(turn, 'touch', id, (engine) => engine.commit(TENANT, commit));
  }

  async read(turn: Turn): Promise<void> {
    await this.#find(turn, turn.random.pick([...this.ids]));
  }

  /** Repeats a recent request, through any replica. */
  async retry(turn: Turn): Promise<void> {
    const { random } = turn;
    const now = this.parts.trueMs();
    const recent = this.#sent.filter(({ sentMs }) => now - sentMs < REPEATED_FOR_MS);
    if (recent.length === 0) return;
    const { mark, what, commit } = random.pick(recent);
    const write = this.parts.oracle.writes.get(mark);
    if (write !== undefined) return this.#commitAgain(turn, write, commit);
    await this.#publish(turn, `again ${what}`, mark, commit);
  }

  async publish(turn: Turn, given?: Once): Promise<void> {
    const { n, random } = turn;
    const mark = `m${n}`;
    const message = { channel: 'c', type: 'said', payload: JSON.stringify({ mark }) };
    const commit = { once: given ?? this.#once(mark, random), publish: [message] };
    this.published.set(mark, 'sent');
    this.#keep({ mark, what: 'publish', commit, sentMs: this.parts.trueMs() });
    await this.#publish(turn, 'publish', mark, commit);
  }

  async enqueue(turn: Turn): Promise<void> {
    const { n, random } = turn;
    const workflow = random.chance(0.7) ? random.pick([...this.ids]) : undefined;
    const task = this.#task(n, random, workflow);
    this.enqueued.set(task.id, 'sent');
    const commit = { once: this.#once(`e${n}`, random), enqueue: [task] };
    const { fate } = await this.#call(turn, 'enqueue', task.id, (engine) => engine.commit(TENANT, commit));
    this.#setFate(this.enqueued, task.id, fate);
  }

  async claim(turn: Turn, queue = turn.random.pick(QUEUES)): Promise<void> {
    const { n, random } = turn;
    const claim: Claim = {
      queue,
      worker: `w${n}`,
      leaseMs: random.pick([1000, 10_000, 60_000, 600_000]),
      tokens: Array.from({ length: 1 + random.below(2) }, (_, i) => `token-${n}-${i}`),
    };
    const sent = { claim, key: `claim-${n}`, sentMs: this.parts.trueMs(), undelivered: [], isRepeated: false };
    this.#claims.push(sent);
    await this.#claim(turn, sent, random.chance(0.3));
  }

  /** Repeats a claim under its key, with tokens of its own, as the service makes them. */
  async reclaim(turn: Turn): Promise<void> {
    const { n, random } = turn;
    const now = this.parts.trueMs();
    const recent = this.#claims.filter(({ claim, sentMs }) => now - sentMs < (claim.leaseMs ?? 0));
    if (recent.length === 0) return;
    const lost = recent.filter(({ undelivered }) => undelivered.length > 0);
    const sent = random.pick(lost.length > 0 && random.chance(0.7) ? lost : recent);
    sent.isRepeated = true;
    const tokens = sent.claim.tokens.map((_, i) => `token-${n}-${i}`);
    await this.#claim(turn, { ...sent, claim: { ...sent.claim, tokens } }, false);
  }

  /**
   * The service notices that the socket of a claim was closed before its answer was out. Another worker often waits for
   * the tasks.
   */
  async giveBack(turn: Turn): Promise<void> {
    const waiting = this.#claims.filter(({ undelivered }) => undelivered.length > 0);
    if (waiting.length === 0) return;
    const repeated = waiting.filter(({ isRepeated }) => isRepeated);
    const sent = turn.random.pick(repeated.length > 0 ? repeated : waiting);
    const { undelivered, claim } = sent;
    sent.undelivered = [];
    this.parts.log(`#${turn.n} ${turn.replica.name} gives back ${undelivered.map(({ id }) => id).join()}`);
    turn.replica.in(() => turn.replica.tasks?.giveBack(TENANT, undelivered));
    if (turn.random.chance(0.6)) await this.claim(turn, claim.queue);
  }

  /** The end of a task, perhaps with a write. */
  async complete(turn: Turn): Promise<void> {
    const { n, random } = turn;
    const held = this.#takeLease(random);
    if (held === undefined) return;
    const { id: taskId, token } = held;
    this.leases.left(taskId, token);
    const once = leaseOnce('ack', taskId, token, OUTCOME_MS);
    const commit: Commit = { once, ack: { taskId, token, result: 'null' } };
    if (random.chance(0.5)) {
      const { fate } = await this.#call(turn, 'complete', taskId, (engine) => engine.commit(TENANT, commit));
      this.#leftLease(token, fate);
      return;
    }
    const id = random.pick([...this.ids]);
    const mark = `m${n}`;
    const record = await this.#find(turn, id);
    if (record === 'unread') return;
    const seen = record === undefined ? [] : seenIn(record.state);
    const expect = record === undefined ? { exists: false } : { etags: [etagOf(record)] };
    const state = JSON.stringify({ seen: [...seen, mark], by: mark } satisfies State);
    const put = putText(id, state, { expect, ttl: 'keep', incarnation: `i${n}` });
    await this.#commit(turn, { mark, id, what: 'complete', seen }, { ...commit, puts: [put] });
  }

  /** Renewal, failure or release of a lease. */
  async step(turn: Turn): Promise<void> {
    const { n, random } = turn;
    const kind = random.weighted({ extend: 4, fail: 1, release: 1 });
    const held = kind === 'extend' ? this.#held.at(-1 - random.below(3)) : this.#takeLease(random);
    if (held === undefined) return;
    const { id, token } = held;
    if (kind !== 'extend') this.leases.left(id, token);
    const error = { code: 'E', message: 'failed' };
    const step: TaskStep =
      kind === 'extend'
        ? { kind, id, token, leaseMs: random.pick([undefined, 30_000]) }
        : kind === 'fail'
          ? { kind, id, token, error, isRetryable: true, jitter: 1 }
          : { kind, id, token };
    const once = { ...leaseOnce(kind, id, token, OUTCOME_MS), key: `s${n}` };
    const call = await this.#call(turn, kind, id, (engine) => engine.tasks.step(TENANT, step, once));
    if (kind !== 'extend') this.#leftLease(token, call.fate);
    if (kind !== 'extend' || call.answer === undefined) return;
    const { task } = call.answer;
    const { storeMs, trueMs } = this.parts;
    if (storeMs !== undefined && task.leaseEndsAtMs !== null) this.leases.extended(id, token, task.leaseEndsAtMs);
    // A renewal for the time of the lease only makes it longer.
    if (storeMs === undefined && step.kind === 'extend' && step.leaseMs !== undefined)
      this.leases.extended(id, token, trueMs() + step.leaseMs);
  }

  async pause(turn: Turn): Promise<void> {
    const [queue, isPaused] = [turn.random.pick(QUEUES), turn.random.chance(0.3)];
    await this.#call(turn, 'pause', queue, (engine) => engine.tasks.pause(TENANT, queue, isPaused));
  }

  /** A write, and then the question whether a replica has it. */
  async confirm(turn: Turn): Promise<void> {
    const { n, random } = turn;
    const mark = `m${n}`;
    const message = { channel: 'c', type: 'said', payload: JSON.stringify({ mark }) };
    const commit = { once: this.#once(mark, random), publish: [message] };
    this.published.set(mark, 'sent');
    const { answer } = await this.#publish(turn, 'publish', mark, commit);
    if (answer === undefined || turn.replica.engine?.unconfirmable !== undefined) return;
    await this.#call(turn, 'confirm', mark, (engine) => engine.confirm(TENANT, commit.once.key));
  }

  async feed(turn: Turn): Promise<void> {
    const reader = turn.random.pick(this.readers);
    await this.readOn(turn, reader, 20);
  }

  /** Reads the next events. Returns their number; undefined if the reader was told of a gap, or nobody answered. */
  async readOn(turn: Turn, reader: FeedReader, limit: number): Promise<number | undefined> {
    if (reader.isReading) return undefined;
    reader.isReading = true;
    const { after } = reader;
    const { answer, code } = await this.#call(turn, 'feed', reader.name, (engine) =>
      engine.readFeed(TENANT, after, limit),
    );
    reader.isReading = false;
    if (code === 'FEED_RESET' || code === 'FEED_TRIMMED') reader.told();
    if (answer !== undefined) reader.received(answer);
    return answer?.length;
  }

  async #find(turn: Turn, id: string) {
    const { answer, code } = await this.#call(turn, 'find', id, (engine) => engine.find(TENANT, id));
    if (code !== 'ok') return 'unread';
    if (answer !== undefined) this.parts.oracle.saw(etagOf(answer), answer.state);
    return answer;
  }

  async #commit(turn: Turn, made: Omit<MarkedWrite, 'fate' | 'deadlineMs' | 'open'>, commit: Commit): Promise<void> {
    const write: MarkedWrite = { ...made, fate: 'sent', deadlineMs: null, open: 0 };
    this.parts.oracle.writes.set(write.mark, write);
    this.#keep({ mark: write.mark, what: write.what, commit, sentMs: this.parts.trueMs() });
    await this.#commitAgain(turn, write, commit);
  }

  async #commitAgain(turn: Turn, write: MarkedWrite, commit: Commit): Promise<void> {
    const { mark, id, what } = write;
    const wasRefused = write.fate === 'refused';
    if (wasRefused) write.fate = 'sent';
    write.open++;
    const { fate, answer } = await this.#call(turn, what, `${id} ${mark}`, (engine) => engine.commit(TENANT, commit));
    write.open--;
    // While another request of this write has no answer, a refusal says nothing about the write.
    const isDecided = fate !== 'refused' || (write.fate === 'sent' && write.open === 0);
    if (write.fate !== 'acknowledged' && isDecided) write.fate = fate;
    for (const task of commit.enqueue ?? []) this.#setFate(this.enqueued, task.id, fate);
    if (answer === undefined) return;
    for (const meta of answer.workflows) this.#acknowledged(write, commit, meta, answer);
  }

  #acknowledged(write: MarkedWrite, { puts = [] }: Commit, meta: WorkflowMeta & { state?: string }, outcome: Outcome) {
    const text = meta.state ?? puts[0]?.state;
    write.deadlineMs = meta.deadlineMs;
    this.parts.log(`acknowledged ${meta.id} ${write.mark} ${etagOf(meta)}${outcome.replayed ? ' again' : ''}`);
    if (text !== undefined) this.parts.oracle.saw(etagOf(meta), text);
  }

  async #claim(turn: Turn, sent: SentClaim, isLost: boolean): Promise<void> {
    const { claim, key } = sent;
    const { replica } = turn;
    const usedFormer = replica.usesFormer;
    const askedMs = this.parts.trueMs();
    const call = await this.#call(turn, 'claim', `${claim.queue} ${key}`, (engine) =>
      engine.tasks.claim(TENANT, claim, key),
    );
    const tasks = call.answer?.tasks ?? [];
    for (const { id } of tasks) this.started.add(id);
    if (isLost) {
      sent.undelivered = tasks;
      return;
    }
    // A claim on the former master is lost with it.
    if (usedFormer || replica.usesFormer) return;
    for (const task of tasks) {
      this.parts.log(`delivered ${task.id} ${task.token}`);
      const { storeMs, trueMs } = this.parts;
      const leaseEndsAtMs = storeMs === undefined ? sent.sentMs + (claim.leaseMs ?? 0) : task.leaseEndsAtMs;
      // The end of a lease that is delivered again is known from the first time.
      const isKnown = storeMs === undefined && this.#tokens.has(task.token);
      // Scripts are ahead of a clock of the server that is behind.
      const isNew = storeMs !== undefined && !this.#tokens.has(task.token);
      const claimedAtMs = isNew ? task.leaseEndsAtMs - (claim.leaseMs ?? 0) : 0;
      const nowMs = Math.max((storeMs ?? trueMs)(), claimedAtMs);
      if (!isKnown) this.leases.delivered({ ...task, leaseEndsAtMs }, nowMs, askedMs);
      if (!this.#tokens.has(task.token)) this.#held.push({ id: task.id, token: task.token });
      this.#tokens.add(task.token);
    }
  }

  /** Calls the engine of a replica, and says what the client learns. */
  async #call<T>(
    { n, replica }: Turn,
    what: string,
    about: string,
    run: (engine: Engine) => Promise<T>,
  ): Promise<{ fate: Fate; code: string; answer?: T }> {
    const { engine } = replica;
    if (engine === undefined) return { fate: 'refused', code: 'DOWN' };
    this.parts.log(`#${n} ${replica.name} ${what} ${about}`);
    let called: { fate: Fate; code: string; answer?: T };
    try {
      const answer = await replica.in(() => run(engine));
      called = { fate: 'acknowledged', code: 'ok', answer };
    } catch (error) {
      called = this.#failed(error);
    }
    const counted = `${what} ${called.code}`;
    this.counts.set(counted, (this.counts.get(counted) ?? 0) + 1);
    this.parts.log(`#${n} ${replica.name} ${what} -> ${called.code}`);
    return called;
  }

  #failed(error: unknown): { fate: Fate; code: string } {
    if (!(error instanceof ServiceError)) {
      this.parts.oracle.violation('threw', String(error instanceof Error ? error.stack : error).slice(0, 500));
      return { fate: 'unknown', code: 'THREW' };
    }
    const { code } = error;
    // KEPT_AS_CONFLICT tells that the first request was acknowledged.
    return { fate: code === 'OUTCOME_UNKNOWN' || code === 'KEPT_AS_CONFLICT' ? 'unknown' : 'refused', code };
  }

  /** A refusal says nothing about the message while another request has no answer. */
  async #publish(turn: Turn, what: string, mark: string, commit: Commit) {
    this.#openMessages.set(mark, (this.#openMessages.get(mark) ?? 0) + 1);
    const called = await this.#call(turn, what, mark, (engine) => engine.commit(TENANT, commit));
    const left = (this.#openMessages.get(mark) ?? 0) - 1;
    this.#openMessages.set(mark, left);
    if (called.fate !== 'refused' || left === 0) this.#setPublished(turn, mark, called.fate);
    return called;
  }

  #setPublished({ replica }: Turn, mark: string, fate: Fate): void {
    this.#setFate(this.published, mark, fate);
    if (fate === 'acknowledged' && replica.mode === 'memory') this.inEmbeddedFeed.add(mark);
  }

  #setFate(of: Map<string, Fate>, mark: string, fate: Fate): void {
    const before = of.get(mark);
    if (before !== undefined && before !== 'acknowledged' && (fate !== 'refused' || before === 'sent'))
      of.set(mark, fate);
  }

  #keep(sent: Sent): void {
    if ((sent.commit.once.keepMs ?? 0) < CLIENT_KEY_MS) return;
    this.#sent.push(sent);
    if (this.#sent.length > KEPT_REQUESTS) this.#sent.shift();
  }

  /** Without an answer, the request that ends a lease may still arrive. */
  #leftLease(token: string, fate: Fate): void {
    if (fate !== 'unknown') this.leases.decided(token, this.parts.trueMs());
  }

  #takeLease(random: Random): Lease | undefined {
    if (this.#held.length === 0) return undefined;
    return this.#held.splice(random.below(this.#held.length), 1)[0];
  }

  /** A key of the client, or one that the service makes. */
  #once(name: string, random: Random): Once {
    const key = `key-${name}`;
    return random.chance(0.6) ? { key, fingerprint: name, keepMs: CLIENT_KEY_MS } : ownOnce(key);
  }

  #ttl(random: Random): Ttl {
    return random.pick<Ttl>(['keep', 'keep', 'keep', null, 1000, 5000, 60_000]);
  }

  #task(n: number, random: Random, workflowId: string | undefined): NewTask {
    return {
      id: `t${n}`,
      queue: random.pick(QUEUES),
      payload: `{"mark":"t${n}"}`,
      headers: '{}',
      priority: random.below(3),
      maxAttempts: 5,
      backoffMs: [1000, 5000],
      leaseMs: 10_000,
      limitMs: null,
      start: { delayMs: random.pick([0, 0, 0, 3000]) },
      expires: { afterDueMs: 30 * 86_400_000 },
      ...(workflowId !== undefined && { workflowId }),
    };
  }
}

const OUTCOME_MS = 3_600_000;

function seenIn(state: string): readonly string[] {
  return (JSON.parse(state) as State).seen;
}
