import type { FastifyRequest } from 'fastify';
import { parseDocument, type JsonNode } from '../json/document.js';
import { escapeToken } from '../json/pointer.js';
import { jsonTextOf, scanBody } from './body.js';
import { InvalidBodyError, type Issue } from './http-errors.js';

/**
 * Reads a JSON object member by member, collecting all that is wrong with it. Members that are the client's own (payloads,
 * states) come out as the text they are.
 */
export class ObjectReader {
  readonly #asked = new Set<string>();

  private constructor(
    private readonly node: JsonNode,
    private readonly pointer: string,
    private readonly issues: Issue[],
  ) {
    if (node.kind !== 'object') issues.push({ pointer, message: 'must be a JSON object' });
  }

  /**
   * Hands the body to `read`, and refuses it when anything was found wrong or was never asked for.
   * @throws InvalidBodyError
   */
  static read<T>(request: FastifyRequest, read: (body: ObjectReader) => T, isOptional = false): T {
    const isEmpty = ((request.body as Buffer | null | undefined)?.length ?? 0) === 0;
    const text = isOptional && isEmpty ? '{}' : jsonTextOf(request);
    scanBody(text);
    const issues: Issue[] = [];
    const body = new ObjectReader(parseDocument(text), '', issues);
    const value = read(body);
    body.#refuseOthers();
    if (issues.length > 0) throw new InvalidBodyError(issues);
    return value;
  }

  has(name: string): boolean {
    return this.#member(name) !== undefined;
  }

  /** Any JSON, as its text. */
  raw(name: string): string | undefined {
    return this.#member(name)?.text;
  }

  rawRequired(name: string): string {
    return this.raw(name) ?? this.#missing(name, 'any JSON', 'null');
  }

  string(name: string, says: string, accepts: (value: string) => boolean = () => true): string | undefined {
    const value = this.#value(name);
    if (value === undefined || (typeof value === 'string' && accepts(value))) return value;
    return this.#wrong(name, says);
  }

  stringRequired(name: string, says: string, accepts?: (value: string) => boolean): string {
    return this.has(name) ? (this.string(name, says, accepts) ?? '') : this.#missing(name, says, '');
  }

  integer(name: string, { min, max }: { readonly min: number; readonly max: number }): number | undefined {
    const value = this.#value(name);
    if (value === undefined || (Number.isInteger(value) && (value as number) >= min && (value as number) <= max)) {
      return value as number | undefined;
    }
    return this.#wrong(name, `must be an integer from ${min} to ${max}`);
  }

  boolean(name: string): boolean | undefined {
    const value = this.#value(name);
    return value === undefined || typeof value === 'boolean' ? value : this.#wrong(name, 'must be true or false');
  }

  /** Any value that `accepts` takes; for what is neither text nor number nor object alone. */
  value<T>(name: string, says: string, accepts: (value: unknown) => value is T): T | undefined {
    const value = this.#value(name);
    return value === undefined || accepts(value) ? value : this.#wrong(name, says);
  }

  object<T>(name: string, read: (member: ObjectReader) => T): T | undefined {
    const node = this.#member(name);
    if (node === undefined) return undefined;
    const member = new ObjectReader(node, this.#at(name), this.issues);
    const value = read(member);
    member.#refuseOthers();
    return value;
  }

  list<T>(name: string, most: number, read: (item: ObjectReader, index: number) => T): T[] {
    const node = this.#member(name);
    if (node === undefined) return [];
    if (node.kind !== 'array' || node.size > most) {
      this.#wrong(name, `must be a list of at most ${most}`);
      return [];
    }
    return node.items().map((item, index) => {
      const reader = new ObjectReader(item, `${this.#at(name)}/${index}`, this.issues);
      const value = read(reader, index);
      reader.#refuseOthers();
      return value;
    });
  }

  /** Something is wrong with the object as a whole, or with one of its members. */
  refuse(message: string, ...path: readonly string[]): void {
    const pointer = path.map((token) => `/${escapeToken(token)}`).join('');
    this.issues.push({ pointer: this.pointer + pointer, message });
  }

  #member(name: string): JsonNode | undefined {
    this.#asked.add(name);
    return this.node.kind === 'object' ? this.node.get(name) : undefined;
  }

  #value(name: string): unknown {
    return this.#member(name)?.value();
  }

  #wrong(name: string, message: string): undefined {
    this.refuse(message, name);
    return undefined;
  }

  #missing<T>(name: string, says: string, instead: T): T {
    this.refuse(`is missing: ${says}`, name);
    return instead;
  }

  #refuseOthers(): void {
    for (const [name] of this.node.members()) {
      if (!this.#asked.has(name)) this.refuse('is not known here', name);
    }
  }

  #at(name: string): string {
    return `${this.pointer}/${escapeToken(name)}`;
  }
}
