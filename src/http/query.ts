import type { FastifyRequest } from 'fastify';
import { InvalidQueryError } from './http-errors.js';
import { parseTime } from './times.js';

/** The query of a request, each field at most once and every field known. */
export class Query {
  readonly #fields: Readonly<Record<string, string>>;

  constructor(request: FastifyRequest, known: readonly string[]) {
    this.#fields = knownFields(request, known);
  }

  text(name: string): string | undefined {
    return this.#fields[name];
  }

  integer(name: string, { min, max }: { min: number; max: number }): number | undefined {
    const text = this.#fields[name];
    if (text === undefined) return undefined;
    const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
    if (!(value >= min && value <= max)) throw InvalidQueryError.of(name, `must be an integer from ${min} to ${max}`);
    return value;
  }

  oneOf<T extends string>(name: string, allowed: readonly T[]): T | undefined {
    const text = this.#fields[name];
    if (text === undefined) return undefined;
    const value = allowed.find((candidate) => candidate === text);
    if (value === undefined) throw InvalidQueryError.of(name, `must be ${allowed.join(' or ')}`);
    return value;
  }

  timeMs(name: string): number | undefined {
    const text = this.#fields[name];
    if (text === undefined) return undefined;
    const ms = parseTime(text);
    if (Number.isNaN(ms)) throw InvalidQueryError.of(name, 'must be an RFC 3339 time such as 2026-01-31T12:00:00Z');
    return ms;
  }
}

/** For routes without any query: says so when there is one. */
export function refuseQuery(request: FastifyRequest): void {
  if (request.url.includes('?')) knownFields(request, []);
}

function knownFields(request: FastifyRequest, known: readonly string[]): Readonly<Record<string, string>> {
  const fields = request.query as Record<string, string | string[]>;
  for (const [name, value] of Object.entries(fields)) {
    if (!known.includes(name)) {
      const hint = known.length === 0 ? 'this route takes no query' : `known are ${known.join(', ')}`;
      throw InvalidQueryError.of(name, `is not known here; ${hint}`);
    }
    if (Array.isArray(value)) throw InvalidQueryError.of(name, 'is given more than once');
  }
  return fields as Record<string, string>;
}
