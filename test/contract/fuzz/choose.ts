import type { Expect, Once, Put, Ttl } from '../../../src/engine/commit.js';
import { SORT_KEYS, type Engine, type Filter } from '../../../src/engine/engine.js';
import { etagOf, type WorkflowRecord } from '../../../src/engine/records/workflow-meta.js';
import type { TestClock } from '../../support/clock.js';
import { testIndex } from '../../support/parts.js';
import type { CommitSpec, EditSpec, Operation, PatchSpec } from './operation.js';
import { TaskChooser } from './choose-tasks.js';
import type { Reply } from './perform.js';
import type { Random } from './random.js';

/** Few names of each kind, so that operations meet. */
export const TENANTS = ['default', 'default:once', 't'];
const IDS = ['a', 'a-1', 'a:1', 'B', 'b', '~', '0', 'a-10'];
const STATUSES = ['open', 'closed', 'a=b', 'line\nbreak', '', 'Grüße 🚀'];
const USERS = ['u1', 'u2'];
const TEXTS = [
  '[]',
  '{}',
  'null',
  '12345678901234567890',
  ' { "spaced" : [ 1.50 , {} ] , "status" : "open" }\n',
  '{"nul":"\\u0000","e":"\\u00e9","case_id":1e0}',
  '"just text"',
];

/** Chooses the next operation. Reads the reference engine, so that expectations often hold and jumps often hit a deadline. */
export class Chooser {
  /** Earlier commits, for repeats. */
  readonly #sent: { readonly tenant: string; readonly commit: CommitSpec }[] = [];
  #made = 0;
  readonly tasks: TaskChooser;

  constructor(
    private readonly random: Random,
    private readonly reference: Engine,
    private readonly clock: TestClock,
  ) {
    this.tasks = new TaskChooser(random, clock, () => this.#once());
  }

  /** Records the reply for later operations. */
  learn(operation: Operation, reply: Reply): void {
    this.tasks.learn(operation, reply);
  }

  async next(): Promise<Operation> {
    const { random } = this;
    const tenant = random.chance(0.7) ? 'default' : random.pick(TENANTS);
    const id = random.pick(IDS);
    const kind = await this.#kind(tenant, id);
    switch (kind) {
      case 'put':
        return this.#commit(tenant, { puts: [await this.#put(tenant, id)] });
      case 'patch':
        return this.#commit(tenant, { patches: [await this.#patch(tenant, id)] });
      case 'delete':
        return this.#commit(tenant, { deletes: [{ id, ...(await this.#expect(tenant, id)) }] });
      case 'touch':
        return this.#commit(tenant, { touches: [{ id, ttl: this.#ttl(), ...(await this.#expect(tenant, id)) }] });
      case 'several':
        return this.#commit(tenant, await this.#several(tenant));
      case 'burst':
        return this.#burst(tenant, id);
      case 'again':
        return this.#again(tenant);
      case 'findOutcome': {
        const sent = this.#sent.length > 0 && random.chance(0.9) ? random.pick(this.#sent) : undefined;
        const key = sent?.commit.once.key ?? 'unused';
        return {
          do: 'findOutcome',
          tenant: sent?.tenant ?? tenant,
          key,
          fingerprint: random.chance(0.8) ? 'one' : 'two',
        };
      }
      case 'find':
        return { do: 'find', tenant, id };
      case 'findMany':
        return { do: 'findMany', tenant, ids: random.some([...IDS, 'nobody'], random.below(9)) };
      case 'list':
        return {
          do: 'list',
          tenant,
          filter: this.#filter(),
          sort: random.pick(SORT_KEYS),
          limit: random.pick([1, 2, 3, 5, 100]),
          includeState: random.chance(0.3),
        };
      case 'count':
        return { do: 'count', tenant, filter: this.#filter() };
      case 'listVersions': {
        const before = random.chance(0.4) ? { before: random.below(12) } : {};
        const after = random.chance(0.3) ? { after: random.below(12) } : {};
        const query = {
          limit: random.pick([1, 2, 5, 100]),
          order: random.pick(['desc', 'asc'] as const),
          includeState: random.chance(0.5),
        };
        return { do: 'listVersions', tenant, id, query: { ...query, ...before, ...after } };
      }
      case 'findVersion':
        return { do: 'findVersion', tenant, id, version: random.below(10) };
      case 'advance':
        return { do: 'advance', tenant, ms: await this.#jump(tenant, id) };
      case 'sweep':
        return { do: 'sweep', tenant };
      case 'task':
        return this.tasks.next(tenant);
      case 'together':
        return this.tasks.together(tenant);
      case 'taskCommit':
        return this.#commit(tenant, {
          ...(random.chance(0.5) && (await this.#several(tenant))),
          ...this.tasks.parts(tenant),
        });
    }
  }

  /** Operations that need a workflow seldom get an unknown id. */
  async #kind(tenant: string, id: string) {
    const kind = this.random.weighted({
      put: 22,
      patch: 22,
      delete: 5,
      touch: 6,
      several: 14,
      burst: 3,
      again: 7,
      findOutcome: 3,
      find: 6,
      findMany: 2,
      list: 7,
      count: 5,
      listVersions: 5,
      findVersion: 4,
      advance: 12,
      sweep: 2,
      task: 60,
      taskCommit: 30,
      together: 12,
    });
    const needsOne = kind === 'patch' || kind === 'delete' || kind === 'touch' || kind === 'burst';
    return needsOne && (await this.#isMissing(tenant, id)) ? 'put' : kind;
  }

  async #isMissing(tenant: string, id: string): Promise<boolean> {
    return this.random.chance(0.9) && (await this.reference.find(tenant, id)) === undefined;
  }

  #commit(tenant: string, parts: Omit<CommitSpec, 'once'>): Operation {
    const { token } = parts.ack ?? {};
    const commit = { once: { ...this.#once(), ...(token && { alias: `ack-${token}` }) }, ...parts };
    this.#remember(tenant, commit);
    return { do: 'commit', tenant, commit };
  }

  async #several(tenant: string): Promise<Omit<CommitSpec, 'once'>> {
    const { random } = this;
    const ids = random.some(IDS, 2 + random.below(5));
    const parts = { puts: [] as Put[], patches: [] as PatchSpec[], deletes: [] as object[], touches: [] as object[] };
    for (const id of ids) {
      const part = (await this.#isMissing(tenant, id))
        ? 'puts'
        : random.weighted({ puts: 3, patches: 4, deletes: 1, touches: 2 });
      if (part === 'puts') parts.puts.push(await this.#put(tenant, id));
      else if (part === 'patches') parts.patches.push(await this.#patch(tenant, id));
      else if (part === 'deletes') parts.deletes.push({ id, ...(await this.#expect(tenant, id)) });
      else parts.touches.push({ id, ttl: this.#ttl(), ...(await this.#expect(tenant, id)) });
    }
    return parts as Omit<CommitSpec, 'once'>;
  }

  /** Patches of one workflow, some of them with the same key. */
  async #burst(tenant: string, id: string): Promise<Operation> {
    const { random } = this;
    const commits: CommitSpec[] = [];
    for (let i = 2 + random.below(6); i > 0; i--) {
      const earlier = commits.length > 0 && random.chance(0.15) ? random.pick(commits) : undefined;
      const commit = earlier ?? { once: this.#once(), patches: [await this.#patch(tenant, id)] };
      commits.push(commit);
      this.#remember(tenant, commit);
    }
    return { do: 'burst', tenant, commits };
  }

  /** An earlier commit, mostly unchanged. */
  #again(tenant: string): Operation {
    const { random } = this;
    if (this.#sent.length === 0) return { do: 'sweep', tenant };
    const sent = random.pick(this.#sent);
    const { once } = sent.commit;
    const fingerprint = random.chance(0.85) ? once.fingerprint : 'two';
    return { do: 'commit', tenant: sent.tenant, commit: { ...sent.commit, once: { ...once, fingerprint } } };
  }

  #remember(tenant: string, commit: CommitSpec): void {
    this.#sent.push({ tenant, commit });
    if (this.#sent.length > 30) this.#sent.shift();
  }

  #once(): Once {
    const { random } = this;
    return {
      key: `key-${++this.#made}`,
      fingerprint: 'one',
      // All longer than the window of writes that a restart may forget.
      keepMs: random.pick([30_001, 60_000, 600_000]),
      ...(random.chance(0.3) && { memo: random.pick(['', 'memo', '{"n":[]}\n', 'Grüße\u0000']) }),
    };
  }

  async #put(tenant: string, id: string): Promise<Put> {
    const { random } = this;
    const state = this.#state();
    return {
      id,
      incarnation: `life-${++this.#made}`,
      state,
      index: testIndex.ofState(state),
      ttl: this.#ttl(),
      about: {
        by: random.pick(['', 'key:one', 'Käthe']),
        cause: random.pick(['put', 'commit', 'restore', 'fork']),
        changed: random.chance(0.5) ? null : ['/a', '/b~1c'],
        ...(random.chance(0.3) && { note: random.pick(['', 'a\nb', 'Grüße "x" \\']) }),
        ...(random.chance(0.1) && { taskId: 'task-1' }),
      },
      ...(await this.#expect(tenant, id)),
    };
  }

  async #patch(tenant: string, id: string): Promise<PatchSpec> {
    const { random } = this;
    const edit: EditSpec = random.chance(0.1)
      ? random.pick<EditSpec>([
          { edit: 'fail', message: 'as it was told to' },
          { edit: 'replace', text: '[['.repeat(51) + ']]'.repeat(51) },
          { edit: 'replace', text: JSON.stringify('x'.repeat(fuzzOptions.maxStateBytes)) },
        ])
      : this.#soundEdit();
    return {
      id,
      edit,
      ttl: this.#ttl(),
      by: random.pick(['', 'worker']),
      ...(random.chance(0.2) && { note: 'why' }),
      ...(await this.#expect(tenant, id)),
    };
  }

  #soundEdit(): EditSpec {
    const { random } = this;
    if (random.chance(0.3)) {
      const patch = { ...this.#fields(), drop: null, ...(random.chance(0.3) && { case_id: null }) };
      return { edit: 'merge', patch };
    }
    return random.pick<EditSpec>([
      { edit: 'append', list: 'logs', item: { n: random.below(100), text: 'x'.repeat(random.below(60)) } },
      { edit: 'append', list: 'exhibits', item: 'ü' },
      { edit: 'increment' },
      { edit: 'stamp' },
      { edit: 'replace', text: '{"fresh":true}' },
      { edit: 'json-patch', operations: [{ op: 'add', path: '', value: { status: random.pick(STATUSES) } }] },
    ]);
  }

  #state(): string {
    const { random } = this;
    if (random.chance(0.1)) return random.pick(TEXTS);
    const filler = random.chance(0.3) ? { filler: 'ü'.repeat(random.below(500)) } : {};
    return JSON.stringify({ ...this.#fields(), ...filler, n: random.below(1000) });
  }

  #fields(): object {
    const { random } = this;
    return {
      ...(random.chance(0.8) && { status: random.pick(STATUSES) }),
      ...(random.chance(0.5) && { case_id: random.pick([1, 2, true, '1', null]) }),
      ...(random.chance(0.5) && { user_id: random.pick(USERS) }),
    };
  }

  #ttl(): Ttl {
    const kind = this.random.weighted({ keep: 6, never: 2, long: 4, middling: 3, short: 1 });
    if (kind === 'keep') return 'keep';
    if (kind === 'never') return null;
    return this.random.pick({ long: [100_000, 1_000_000], middling: [1000, 5000, 20_000], short: [1, 5, 50] }[kind]);
  }

  async #expect(tenant: string, id: string): Promise<{ expect?: Expect }> {
    const { random } = this;
    if (random.chance(0.55)) return {};
    const record = await this.reference.find(tenant, id);
    return { expect: random.chance(0.85) ? this.#holding(record) : this.#failing(record) };
  }

  #holding(record: WorkflowRecord | undefined): Expect {
    if (record === undefined) return { exists: false };
    return this.random.pick<Expect>([
      { version: record.version },
      { etags: [etagOf(record)] },
      { etags: ['"other-1"', etagOf(record)] },
      { exists: true },
      { incarnation: record.incarnation },
    ]);
  }

  #failing(record: WorkflowRecord | undefined): Expect {
    return this.random.pick<Expect>([
      { version: (record?.version ?? 0) + this.random.pick([-1, 1]) },
      { etags: [] },
      { etags: [`"${record?.incarnation ?? 'none'}-${(record?.version ?? 0) + 1}"`] },
      { exists: record === undefined },
      { incarnation: 'another' },
    ]);
  }

  #filter(): Filter {
    const { random, clock } = this;
    const fields = {
      ...(random.chance(0.4) && { status: random.pick([...STATUSES, 'nobody']) }),
      ...(random.chance(0.2) && { case_id: random.pick(['1', '2', 'true']) }),
      ...(random.chance(0.2) && { user_id: random.pick(USERS) }),
    };
    return {
      ...(Object.keys(fields).length > 0 && { fields }),
      ...(random.chance(0.2) && { idPrefix: random.pick(['a', 'a-', 'a-1', 'b', 'x', '~']) }),
      ...(random.chance(0.1) && { updatedAfterMs: clock.ms - random.below(2000) }),
      ...(random.chance(0.1) && { updatedBeforeMs: clock.ms - random.below(2000) }),
    };
  }

  /** Often a small step, sometimes exactly to a deadline or just beside it, seldom far. */
  async #jump(tenant: string, id: string): Promise<number> {
    const { random, clock } = this;
    const deadlineMs = random.chance(0.4) ? (await this.reference.find(tenant, id))?.deadlineMs : undefined;
    if (deadlineMs === null || deadlineMs === undefined || deadlineMs - clock.ms > 10_000) {
      return random.pick([1, 1, 2, 5, 10, 100, 1000, random.chance(0.2) ? 31_000 : 3]);
    }
    return Math.max(0, deadlineMs - clock.ms + random.pick([-1, 0, 1]));
  }
}

/** Small limits, so that each is reached. */
export const fuzzOptions = {
  defaultTtlMs: 20_000,
  maxStateBytes: 2000,
  historyLimit: 4,
  historyMaxBytes: 1200,
  tasks: { maxOpen: 12, maxBytes: 120, resultMs: 8000, progressMs: 5000, deadMs: 15_000, maxDead: 3 },
  // The clock of a run is days ahead soon.
  feed: { maxEvents: 100_000, maxAgeMs: 1e12 },
};
