import { problemErrorOf, UnreachableError, type ProblemDocument } from './client-errors.js';
import { toJson } from './json-text.js';
import { retryAfterMsOf, USUAL_RETRY, withRetries, type Retry, type RetryPolicy } from './retry.js';

export interface CallOptions {
  /** Ends the call, retries and all. */
  readonly signal?: AbortSignal;
  readonly retry?: Partial<RetryPolicy>;
  /** For each attempt, from sending to the last byte of the answer. */
  readonly timeoutMs?: number;
}

export interface RequesterOptions extends Omit<CallOptions, 'signal'> {
  /** Where the service is: http://127.0.0.1:3000 */
  readonly url: string;
  readonly fetch?: typeof fetch;
  readonly onRetry?: (retry: Retry) => void;
}

export interface Call {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  readonly path: string;
  /** Sent as JSON. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** Its effect must happen once, and nothing in the request itself says so: retries carry one Idempotency-Key. */
  readonly isKeyed?: boolean;
  /** The service may take so long before it answers. */
  readonly waitMs?: number;
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

const USUAL_TIMEOUT_MS = 10_000;

/** Sends requests, repeats those whose failure may pass, and turns refusals into errors. */
export class Requester {
  readonly #base: string;

  constructor(private readonly options: RequesterOptions) {
    this.#base = options.url.replace(/\/+$/, '');
  }

  /** @throws ProblemError @throws UnreachableError @throws the reason of an aborted signal */
  send(call: Call, { signal, retry, timeoutMs }: CallOptions = {}): Promise<Answer> {
    const policy = { ...USUAL_RETRY, ...this.options.retry, ...retry };
    // Without retries nobody would ever repeat the key, and the service would keep it for a day.
    const isKeyed = call.isKeyed === true && policy.giveUpAfterMs > 0;
    const request: RequestInit = {
      method: call.method,
      headers: {
        ...(call.body !== undefined && { 'content-type': 'application/json' }),
        ...(isKeyed && { 'idempotency-key': crypto.randomUUID() }),
        ...call.headers,
      },
      ...(call.body !== undefined && { body: toJson(call.body) }),
    };
    const attemptMs = (call.waitMs ?? 0) + (timeoutMs ?? this.options.timeoutMs ?? USUAL_TIMEOUT_MS);
    const { onRetry } = this.options;
    return withRetries(() => this.#attempt(call.path, request, attemptMs, signal), policy, {
      signal,
      ...(onRetry && { onRetry }),
    });
  }

  async #attempt(path: string, request: RequestInit, timeoutMs: number, signal?: AbortSignal): Promise<Answer> {
    signal?.throwIfAborted();
    // By hand: AbortSignal.any leaves a trace on a long-lived signal for each call.
    const over = new AbortController();
    const end = () => over.abort();
    const timer = setTimeout(end, timeoutMs);
    signal?.addEventListener('abort', end, { once: true });
    try {
      const fetchIt = this.options.fetch ?? fetch;
      const { status, ok, headers, ...response } = await read(
        fetchIt(this.#base + path, { ...request, signal: over.signal }),
      );
      if (!ok)
        throw problemErrorOf(problemOf(status, headers, response.text), retryAfterMsOf(headers.get('retry-after')));
      return { status, headers, text: response.text };
    } catch (error) {
      if (signal?.aborted === true) throw signal.reason;
      if (over.signal.aborted) throw new UnreachableError(`No answer from ${this.#base} within ${timeoutMs} ms`);
      // What fetch throws for a broken connection; our own errors pass.
      if (error instanceof TypeError) {
        throw new UnreachableError(`Cannot reach ${this.#base}: ${causeOf(error)}`, { cause: error });
      }
      throw error;
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener('abort', end);
    }
  }
}

/** With its body: an answer that breaks off in the middle is no answer. */
async function read(asked: Promise<Response>): Promise<Answer & { readonly ok: boolean }> {
  const response = await asked;
  return { status: response.status, ok: response.ok, headers: response.headers, text: await response.text() };
}

function problemOf(status: number, headers: Headers, text: string): ProblemDocument {
  if ((headers.get('content-type') ?? '').includes('json')) {
    try {
      const problem = JSON.parse(text) as ProblemDocument;
      if (typeof problem.code === 'string') return { ...problem, status };
    } catch {
      // Then it is none of ours.
    }
  }
  return { code: 'UNEXPECTED_ANSWER', status, detail: text.slice(0, 200) };
}

function causeOf({ cause, message }: Error): string {
  if (!(cause instanceof Error)) return message;
  const { code } = cause as NodeJS.ErrnoException;
  // Several addresses were tried in vain: the error of them all has no message of its own.
  return cause.message === '' ? (code ?? message) : cause.message;
}
