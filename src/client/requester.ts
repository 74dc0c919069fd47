import { problemErrorOf, UnreachableError, type ProblemDocument } from './client-errors.js';
import { toJson } from './json-text.js';
import { retryAfterMsOf, DEFAULT_RETRY, withRetries, type Retry, type RetryPolicy } from './retry.js';

export interface CallOptions {
  /** Aborts the call and its retries. */
  readonly signal?: AbortSignal;
  readonly retry?: Partial<RetryPolicy>;
  /** Timeout of each attempt, up to the last byte of the answer. */
  readonly timeoutMs?: number;
}

export interface RequesterOptions extends Omit<CallOptions, 'signal'> {
  /** Base URL of the service: http://127.0.0.1:3000 */
  readonly url: string;
  /** Key or token of the caller. A function is called for every request, so that a rotated key is used at once. */
  readonly apiKey?: string | (() => string | Promise<string>) | undefined;
  /** For operators: the tenant to work in. */
  readonly tenant?: string | undefined;
  readonly fetch?: typeof fetch;
  readonly onRetry?: (retry: Retry) => void;
}

export interface Call {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly path: string;
  /** Sent as JSON. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** True sends an Idempotency-Key, the same with every retry, so that the effect happens once. */
  readonly isKeyed?: boolean;
  /** Time that the service may wait before it answers; added to the timeout. */
  readonly waitMs?: number;
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

const DEFAULT_TIMEOUT_MS = 10_000;

/** Sends requests, retries transient failures, and turns refusals into errors. */
export class Requester {
  readonly #base: string;

  constructor(private readonly options: RequesterOptions) {
    this.#base = options.url.replace(/\/+$/, '');
  }

  /** @throws ProblemError @throws UnreachableError @throws the reason of an aborted signal */
  send(call: Call, { signal, retry, timeoutMs }: CallOptions = {}): Promise<Answer> {
    const policy = { ...DEFAULT_RETRY, ...this.options.retry, ...retry };
    // Without retries a key is useless, and the service would keep it for a day.
    const isKeyed = call.isKeyed === true && policy.giveUpAfterMs > 0;
    const request: RequestInit = {
      method: call.method,
      headers: {
        ...(call.body !== undefined && { 'content-type': 'application/json' }),
        ...(isKeyed && { 'idempotency-key': crypto.randomUUID() }),
        ...(this.options.tenant !== undefined && { 'waymark-tenant': this.options.tenant }),
        ...call.headers,
      },
      ...(call.body !== undefined && { body: toJson(call.body) }),
    };
    const attemptMs = (call.waitMs ?? 0) + (timeoutMs ?? this.options.timeoutMs ?? DEFAULT_TIMEOUT_MS);
    const { onRetry } = this.options;
    return withRetries(() => this.#attempt(call.path, request, attemptMs, signal), policy, {
      signal,
      ...(onRetry && { onRetry }),
    });
  }

  async #attempt(path: string, request: RequestInit, timeoutMs: number, signal?: AbortSignal): Promise<Answer> {
    signal?.throwIfAborted();
    // No AbortSignal.any: it would leak one entry on a long-lived signal for each call.
    const over = new AbortController();
    const end = () => over.abort();
    const timer = setTimeout(end, timeoutMs);
    signal?.addEventListener('abort', end, { once: true });
    try {
      const headers = { ...(request.headers as Record<string, string>), ...(await this.#authorization()) };
      const answer = await this.#fetch(path, { ...request, headers, signal: over.signal });
      if (answer.status < 400) return answer;
      throw problemErrorOf(problemOf(answer), retryAfterMsOf(answer.headers.get('retry-after')));
    } catch (error) {
      if (signal?.aborted === true) throw signal.reason;
      if (over.signal.aborted) throw new UnreachableError(`No answer from ${this.#base} within ${timeoutMs} ms`);
      throw error;
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener('abort', end);
    }
  }

  async #authorization(): Promise<Readonly<Record<string, string>>> {
    const { apiKey } = this.options;
    // Compose files pass an unset variable as an empty text.
    if (apiKey === undefined || apiKey === '') return {};
    const key = typeof apiKey === 'string' ? apiKey : await apiKey();
    // Checked here, since the message of fetch would show the key.
    if (!/^[\x21-\x7e]+$/.test(key)) throw new TypeError('An API key has only visible ASCII characters');
    return { authorization: `Bearer ${key}` };
  }

  /** Reads the whole body: an answer that breaks off counts as none. @throws UnreachableError */
  async #fetch(path: string, request: RequestInit): Promise<Answer> {
    try {
      const response = await (this.options.fetch ?? fetch)(this.#base + path, request);
      return { status: response.status, headers: response.headers, text: await response.text() };
    } catch (error) {
      throw new UnreachableError(`Cannot reach ${this.#base}: ${causeOf(error as Error)}`, { cause: error });
    }
  }
}

/** The problem document of a refusal, or one made from what a proxy answered. */
export function problemOf({ status, headers, text }: Answer): ProblemDocument {
  if ((headers.get('content-type') ?? '').includes('json')) {
    try {
      const problem = JSON.parse(text) as ProblemDocument;
      if (typeof problem.code === 'string') return { ...problem, status };
    } catch {
      // Not a problem document of the service.
    }
  }
  return { code: 'UNEXPECTED_ANSWER', status, detail: text.slice(0, 200) };
}

/** The reason is in the cause of the error that fetch throws. */
export function causeOf({ cause, message }: Error): string {
  const { code, message: why } = (cause ?? {}) as Partial<NodeJS.ErrnoException>;
  // An AggregateError of several addresses has only a code.
  return why || code || message;
}
