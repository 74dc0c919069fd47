import type { Arrived, ArrivalOptions } from '../engine/moving/arrival.js';
import { DAMAGED_STAMP, isDamaged } from '../engine/moving/damaged.js';
import type { Damaged, RecordKind, Moved, MovedBoard, MovedQueue, RemovableKind } from '../engine/moving/moved.js';
import { inReads, Moving, type Arrival, type Stamped, type StampPage } from '../engine/moving/moving.js';
import { problemErrorOf, ProblemError, UnreachableError } from '../client/client-errors.js';
import { causeOf, problemOf } from '../client/requester.js';
import { withRetries, DEFAULT_RETRY } from '../client/retry.js';
import { checkedRecord } from './checked-record.js';
import type { ImportReport } from './migration.dto.js';
import {
  COUNT_OF,
  headerOf,
  noCounts,
  textOfLine,
  type DamagedLine,
  type EndLine,
  type HeaderLine,
  type MarkLine,
} from './lines.js';
import { readLines } from './read-lines.js';

const STAMPS_PER_PAGE = 1000;
const MAX_LINE_BYTES = 64 * 1024 * 1024;
/** Size of one import request, far below the limit of a service. */
const IMPORT_BYTES = 8 * 1024 * 1024;
/** Timeout until an answer begins. */
const TIMEOUT_MS = 60_000;
const FIRST_ANSWER_TIMEOUT_MS = 4000;

/** Uses the admin routes of a running service. Transient failures are retried: all requests are idempotent. */
export class HttpMoving extends Moving {
  #hasAnswered = false;
  readonly #url: string;

  /** `token` is the ADMIN_TOKEN of the service. */
  constructor(
    url: string,
    private readonly token: string | undefined,
  ) {
    super();
    this.#url = url.replace(/\/+$/, '');
  }

  async listTenants(): Promise<readonly string[]> {
    return (await this.#header()).tenants;
  }

  async now(): Promise<number> {
    return (await this.#header()).atMs;
  }

  async listWorkflows(tenant: string, after: string | undefined, limit: number): Promise<StampPage> {
    const query = { kinds: 'workflow', tenant, limit: String(limit), ...(after !== undefined && { after }) };
    const { items, next } = await this.#readStamps(query);
    return { items, next: next ?? undefined };
  }

  async *listTasks(tenant: string): AsyncGenerator<readonly Stamped[]> {
    const { items } = await this.#readStamps({ kinds: 'task', tenant });
    for (let at = 0; at < items.length; at += STAMPS_PER_PAGE) yield items.slice(at, at + STAMPS_PER_PAGE);
  }

  async listQueues(tenant: string): Promise<readonly (MovedQueue | Damaged)[]> {
    const { items } = await this.#readStamps({ kinds: 'queue', tenant });
    return items.map(({ id, stamp, damage }) =>
      damage === undefined
        ? { kind: 'queue', id, isPaused: stamp === 'paused' }
        : { kind: 'damaged', of: 'queue', id, message: damage },
    );
  }

  async listBoards(tenant: string): Promise<readonly (MovedBoard | Damaged)[]> {
    const boards: (MovedBoard | Damaged)[] = [];
    const { items } = await this.#readStamps({ kinds: 'board', tenant });
    for (const { id, damage } of items)
      if (damage !== undefined) boards.push({ kind: 'damaged', of: 'board', id, message: damage });
    for (const ids of inReads(items.filter(({ damage }) => damage === undefined))) {
      for (const board of await this.read(tenant, 'board', ids))
        if (board !== undefined) boards.push(board as MovedBoard | Damaged);
    }
    return boards;
  }

  async read(tenant: string, kind: RecordKind, ids: readonly string[]): Promise<(Moved | Damaged | undefined)[]> {
    if (ids.length === 0) return [];
    const { items } = await this.#withRetries(async () => {
      const response = await this.#fetch('/v1/export', {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ tenant, kind, ids }),
      });
      return (await response.json()) as { items: (Record<string, unknown> | null)[] };
    });
    // No limit for the size of states here: the source has its own.
    return items.map((item) => {
      if (item === null) return undefined;
      return isDamaged(item) ? item : checkedRecord(item);
    });
  }

  async put(tenant: string, record: Moved, options: ArrivalOptions): Promise<Arrived> {
    const [arrived] = await this.putAll(tenant, [{ record, ...options }]);
    return arrived as Arrived;
  }

  override async putAll(tenant: string, arrivals: readonly Arrival[]): Promise<Arrived[]> {
    const arrived: Arrived[] = [];
    let lines: PieceLine[] = [];
    let bytes = 0;
    const options = arrivals[0];
    const send = async () => {
      if (options !== undefined && lines.length > 0) arrived.push(...(await this.#import(lines, options)));
      lines = [];
      bytes = 0;
    };
    for (const { record, replaces } of arrivals) {
      const text = textOfLine({ tenant, ...record, ...(replaces !== undefined && { replaces }) });
      if (bytes + text.length > IMPORT_BYTES) await send();
      lines.push({ kind: record.kind, text });
      bytes += text.length;
    }
    await send();
    return arrived;
  }

  async remove(tenant: string, kind: RemovableKind, id: string, stamp: string): Promise<boolean> {
    const text = textOfLine({ kind: 'remove', tenant, of: kind, id, stamp });
    return (await this.#send([{ text }], 'onConflict=fail')).counts.removed === 1;
  }

  async #import(lines: readonly PieceLine[], { onConflict, isDryRun = false }: ArrivalOptions) {
    const { outcomes = [], problems } = await this.#send(lines, `onConflict=${onConflict}&dryRun=${isDryRun}`);
    const isKnown = outcomes.length === lines.length && !outcomes.includes('invalid');
    if (isKnown) return outcomes as readonly Arrived[];
    throw new Error(`${this.#url} refused a record: ${problems[0]?.message ?? 'no reason given'}`);
  }

  #send(lines: readonly PieceLine[], query: string): Promise<ImportReport> {
    return this.#withRetries(async () => {
      const response = await this.#fetch(`/v1/import?report=each&${query}`, {
        method: 'POST',
        headers: { 'content-type': 'application/x-ndjson' },
        body: streamOf(lines),
      });
      return (await response.json()) as ImportReport;
    });
  }

  #header(): Promise<HeaderLine> {
    return this.#withRetries(async () => {
      const response = await this.#fetch('/v1/export?view=stamps&kinds=queue&tenant=default', {});
      for await (const line of readLines(bodyOf(response), MAX_LINE_BYTES)) {
        await response.body?.cancel().catch(() => undefined);
        return JSON.parse(line) as HeaderLine;
      }
      throw new UnreachableError(`${this.#url} answered with an empty export`);
    });
  }

  /** A stream without its end line was cut, so it is read again. */
  #readStamps(query: Readonly<Record<string, string>>): Promise<{ items: Stamped[]; next: string | null }> {
    return this.#withRetries(async () => {
      const search = new URLSearchParams({ view: 'stamps', ...query });
      const response = await this.#fetch(`/v1/export?${search.toString()}`, {});
      const items: Stamped[] = [];
      for await (const text of readLines(bodyOf(response), MAX_LINE_BYTES)) {
        const line = JSON.parse(text) as HeaderLine | MarkLine | DamagedLine | EndLine;
        if (line.kind === 'end') return { items, next: line.next };
        if (line.kind === 'damaged') items.push({ id: line.id, stamp: DAMAGED_STAMP, bytes: 0, damage: line.message });
        else if (line.kind !== 'header') items.push({ id: line.id, stamp: line.stamp ?? '', bytes: line.bytes ?? 0 });
      }
      throw new UnreachableError(`${this.#url}: the export was cut`);
    });
  }

  #withRetries<T>(work: () => Promise<T>): Promise<T> {
    // A service that never answered is probably not running, so give up early.
    const policy = this.#hasAnswered ? DEFAULT_RETRY : { ...DEFAULT_RETRY, giveUpAfterMs: FIRST_ANSWER_TIMEOUT_MS };
    return withRetries(async () => {
      try {
        const answer = await work();
        this.#hasAnswered = true;
        return answer;
      } catch (error) {
        if (error instanceof ProblemError || error instanceof UnreachableError) throw error;
        if (!(error instanceof TypeError) && (error as Error).name !== 'TimeoutError') throw error;
        throw new UnreachableError(`Cannot reach ${this.#url}: ${causeOf(error as Error)}`, { cause: error });
      }
    }, policy);
  }

  /** @throws ProblemError */
  async #fetch(path: string, init: RequestInit): Promise<Response> {
    const headers = {
      ...(init.headers as Record<string, string> | undefined),
      ...(this.token !== undefined && { authorization: `Bearer ${this.token}` }),
    };
    // The timeout ends when the answer begins, because a stream may take long.
    const over = new AbortController();
    const timer = setTimeout(() => over.abort(new DOMException('no answer in time', 'TimeoutError')), TIMEOUT_MS);
    try {
      const response = await fetch(this.#url + path, { ...init, headers, signal: over.signal });
      if (response.status < 400) return response;
      const { status, headers: answered } = response;
      throw problemErrorOf(problemOf({ status, headers: answered, text: await response.text() }));
    } finally {
      clearTimeout(timer);
    }
  }
}

/** A line of one import request. */
interface PieceLine {
  /** Absent for a line that is no record. */
  readonly kind?: RecordKind;
  readonly text: string;
}

/** Each request is a whole stream, so that the service notices one that was cut. */
function streamOf(lines: readonly PieceLine[]): string {
  const counts = noCounts();
  for (const { kind } of lines) if (kind !== undefined) counts[COUNT_OF[kind]]++;
  const texts = lines.map(({ text }) => text);
  return [textOfLine(headerOf(0, [])), ...texts, textOfLine({ kind: 'end', ...counts, next: null })].join('');
}

function bodyOf(response: Response): AsyncIterable<Uint8Array> {
  return (response.body ?? new Blob([]).stream()) as unknown as AsyncIterable<Uint8Array>;
}
