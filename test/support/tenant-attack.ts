import { SORT_KEYS } from '../../src/engine/engine.js';
import { RandomJson } from './random-json.js';

interface Parameter {
  readonly name: string;
  readonly in: string;
}

interface Operation {
  readonly operationId: string;
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly example?: unknown }>> };
}

/** What an attacker has seen of another tenant: none of it may open anything. */
export interface Stolen {
  readonly workflows: readonly string[];
  readonly queues: readonly string[];
  readonly tasks: readonly string[];
  readonly etags: readonly string[];
  readonly leaseTokens: readonly string[];
  readonly cursors: readonly string[];
  readonly eventIds: readonly string[];
  readonly keys: readonly string[];
  readonly tenants: readonly string[];
}

export interface Attempt {
  readonly operationId: string;
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
}

/** Random requests on every operation of the document, with what was stolen in every place that takes such a thing. */
export class TenantAttack {
  readonly #operations: readonly { method: string; path: string; operation: Operation }[];
  readonly #random: RandomJson;

  constructor(
    document: { readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>> },
    private readonly stolen: Stolen,
    seed: number,
    /** Operations that would end the attack, such as the revocation of the attacker's own key. */
    leftOut: readonly string[] = [],
  ) {
    this.#random = new RandomJson(seed);
    this.#operations = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.entries(methods)
        .filter(([, { operationId }]) => !leftOut.includes(operationId))
        .map(([method, operation]) => ({ method: method.toUpperCase(), path, operation })),
    );
  }

  get operationIds(): readonly string[] {
    return this.#operations.map(({ operation }) => operation.operationId);
  }

  next(): Attempt {
    const { method, path, operation } = this.#random.pick(this.#operations);
    const { parameters = [], requestBody } = operation;
    const filled = path.replace(/\{([^}]+)\}/g, (_, name: string) => encodeURIComponent(this.#named(name)));
    const query = new URLSearchParams();
    const headers: Record<string, string> = {};
    for (const { name, in: place } of parameters) {
      if (this.#random.integer(4) !== 0) continue;
      if (place === 'query') query.set(name, this.#named(name));
      if (place === 'header') headers[name] = this.#header(name);
    }
    // Requests that wait would make the attack slow, not stronger.
    for (const name of ['wait', 'waitMs']) if (query.has(name)) query.set(name, '0');
    const types = Object.entries(requestBody?.content ?? {});
    let body: string | undefined;
    if (types.length > 0) {
      const [type, { example }] = this.#random.pick(types);
      headers['content-type'] = type;
      body = typeof example === 'string' ? example : JSON.stringify(this.#changed(example));
    }
    const text = query.toString();
    return {
      operationId: operation.operationId,
      method,
      path: text === '' ? filled : `${filled}?${text}`,
      headers,
      body,
    };
  }

  /** A value for a parameter or member with this name. */
  #named(name: string): string {
    const { workflows, queues, tasks, etags, leaseTokens, cursors, eventIds, keys, tenants } = this.stolen;
    switch (name) {
      case 'id':
        return this.#random.pick([...workflows, ...tasks, ...keys]);
      case 'taskId':
        return this.#random.pick(tasks);
      case 'workflowId':
      case 'workflow':
      case 'after':
        return this.#random.pick(workflows);
      case 'idPrefix':
        return this.#random.pick(['', 'case', 'case-1']);
      case 'queue':
      case 'dedupeKey':
        return this.#random.pick(queues);
      case 'channel':
        return this.#random.pick(['task:routing', 'blue', 'workflow:case-1']);
      case 'leaseToken':
        return this.#random.pick(leaseTokens);
      case 'cursor':
        return this.#random.pick(cursors);
      case 'since':
        return this.#random.pick([...eventIds, '0']);
      case 'etag':
        return this.#random.pick(etags);
      case 'tenant':
        return this.#random.pick(tenants);
      case 'include':
        return 'state';
      case 'limit':
      case 'max':
        return String(this.#random.integer(100) + 1);
      case 'sort':
        return this.#random.pick(SORT_KEYS);
      case 'status':
      case 'user_id':
      case 'case_id':
      case 'document_type':
        return 'same';
      default:
        return String(this.#random.integer(4));
    }
  }

  #header(name: string): string {
    switch (name) {
      case 'If-Match':
      case 'If-None-Match':
        return this.#random.pick([...this.stolen.etags, '*']);
      case 'Last-Event-ID':
        return this.#random.pick(this.stolen.eventIds);
      case 'Waymark-Tenant':
        return this.#random.pick(this.stolen.tenants);
      case 'Prefer':
        return 'return=representation';
      case 'Claim-Id':
      case 'Idempotency-Key':
        return this.#random.pick(['stolen-1', 'stolen-2', `own-${this.#random.integer(1_000_000)}`]);
      default:
        return String(this.#random.integer(4));
    }
  }

  /** The example with stolen values in the members that name things. */
  #changed(value: unknown, name = ''): unknown {
    if (Array.isArray(value)) return value.map((one) => this.#changed(one, name.replace(/s$/, '')));
    if (typeof value === 'object' && value !== null)
      return Object.fromEntries(Object.entries(value).map(([member, one]) => [member, this.#changed(one, member)]));
    const isName = ['id', 'taskId', 'workflowId', 'queue', 'leaseToken', 'cursor', 'etag', 'channel'].includes(name);
    if (typeof value === 'string' && isName && this.#random.integer(5) > 0) return this.#named(name);
    if (name === 'waitMs') return 0;
    if (name === 'version' && this.#random.integer(2) === 0) return this.#random.integer(4);
    return value;
  }
}

/** Time that a stream of events is listened to. */
const LISTEN_MS = 50;

/** Sends an attempt; a stream of events is read for a moment and then left. */
export async function send(
  url: string,
  { method, path, headers, body }: Attempt,
  token: string,
): Promise<{ readonly status: number; readonly text: string }> {
  const ended = new AbortController();
  const ask = () =>
    fetch(url + path, {
      method,
      headers: { ...headers, authorization: `Bearer ${token}` },
      ...(body !== undefined && { body }),
      signal: ended.signal,
    });
  // On a busy machine a kept connection may end while a request is on its way.
  const answer = await ask().catch(ask);
  const head = JSON.stringify([...answer.headers]);
  const isStream = (answer.headers.get('content-type') ?? '').startsWith('text/event-stream');
  if (isStream) setTimeout(() => ended.abort(), LISTEN_MS);
  let text = '';
  try {
    const decoder = new TextDecoder();
    for await (const chunk of answer.body ?? []) text += decoder.decode(chunk, { stream: true });
  } catch (error) {
    if (!isStream) throw error;
  }
  return { status: answer.status, text: head + text };
}
