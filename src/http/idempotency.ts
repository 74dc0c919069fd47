import { randomBytes } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { ownOnce, type Once } from '../engine/commit.js';
import { shortDigest } from '../engine/short-digest.js';
import { Durability, refuseDurability } from './durability.js';
import { IdempotencyInProgressError, IdempotencyNotSupportedError, InvalidHeaderError } from './http-errors.js';

const LARGE_BODY_BYTES = 128 * 1024;
const CLIENT_KEY_KEEP_MS = 24 * 60 * 60 * 1000;
const VISIBLE_ASCII = /^[\x21-\x7e]{1,255}$/;

/** Once key of a writing request. */
export interface OnceRequest {
  readonly once: Once;
  /** The key is from the client, so its outcome may be known already. */
  readonly keyed: boolean;
  /** Must be called if the work uses another once key. */
  readonly renamed?: (key: string) => void;
}

@Injectable()
export class Idempotency {
  readonly #running = new Set<string>();
  readonly #process = randomBytes(9).toString('base64url');
  #count = 0;

  constructor(private readonly durability: Durability) {}

  /**
   * Runs `work` once for the request's Idempotency-Key. The engine replays finished requests; this class refuses a second
   * request while the first still runs on this replica. @throws IdempotencyInProgressError
   */
  async run<T>(request: FastifyRequest, tenant: string, work: (once: OnceRequest) => Promise<T>): Promise<T> {
    const isDurable = this.durability.isAskedFor(request);
    // One key for the request: work that runs again under it has no second effect.
    const given = this.#onceOf(request, tenant);
    const begun = (asked: OnceRequest) => this.#run(asked, (once) => inNextTurn(request, () => work(once)));
    if (!isDurable) return begun(given);
    return this.durability.confirmed(tenant, (renamed) => {
      renamed(given.once.key);
      return begun({ ...given, renamed });
    });
  }

  async #run<T>(given: OnceRequest, work: (once: OnceRequest) => Promise<T>): Promise<T> {
    if (!given.keyed) return work(given);
    const { key } = given.once;
    if (this.#running.has(key)) throw new IdempotencyInProgressError();
    this.#running.add(key);
    try {
      return await work(given);
    } finally {
      this.#running.delete(key);
    }
  }

  #onceOf(request: FastifyRequest, tenant: string): OnceRequest {
    const given = request.headers['idempotency-key'];
    return given === undefined
      ? { once: this.#unkeyed(), keyed: false }
      : { once: keyed(request, tenant, given), keyed: true };
  }

  /** Once key of a request without Idempotency-Key. Unique over replicas and restarts; cheaper than a UUID. */
  #unkeyed(): Once {
    return ownOnce(`${this.#process}.${(this.#count++).toString(36)}`);
  }
}

/** Reading a large body took long, and the work may take as long again: other requests come between. */
async function inNextTurn<T>({ body }: FastifyRequest, work: () => Promise<T>): Promise<T> {
  if (((body as Buffer | null | undefined)?.length ?? 0) > LARGE_BODY_BYTES) await setImmediate();
  return work();
}

/** For routes that store no outcome: a key without effect is refused. */
export function refuseKey(request: FastifyRequest, why?: string): void {
  refuseDurability(request);
  if (request.headers['idempotency-key'] !== undefined) throw new IdempotencyNotSupportedError(why);
}

function keyed(request: FastifyRequest, tenant: string, given: string | string[]): Once {
  const key = unquoted(String(given));
  if (!VISIBLE_ASCII.test(key))
    throw new InvalidHeaderError('Idempotency-Key', 'must be 1 to 255 visible ASCII characters');
  const [path = '', query = ''] = request.url.split('?', 2);
  return {
    key: shortDigest(tenant, request.method, decodeURIComponent(path), key),
    fingerprint: shortDigest(query, (request.body as Buffer | undefined) ?? ''),
    keepMs: CLIENT_KEY_KEEP_MS,
  };
}

/** The key without quotes: the draft standard writes a key in quotes, which names the same key. */
function unquoted(given: string): string {
  return /^"[^"]*"$/.test(given) ? given.slice(1, -1) : given;
}
