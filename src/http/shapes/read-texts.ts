import type { FastifyRequest } from 'fastify';
import { InvalidHeaderError, InvalidIdError, InvalidQueryError, type Issue } from '../http-errors.js';
import { fieldsOf, rulesOf, type Field, type Rule, type Shape } from './field.js';

type Texts = Readonly<Record<string, string | string[] | undefined>>;

interface TextsReader {
  readonly fields: readonly Field[];
  readonly rules: readonly Rule[];
}

const READERS = new WeakMap<Shape, TextsReader>();

/** Values of the placeholders of a path. @throws InvalidIdError */
export function readPath<T extends object>(shape: Shape<T>, { params }: FastifyRequest): T {
  const issues: Issue[] = [];
  const value = readTexts(shape, params as Texts, issues);
  if (issues.length > 0) throw new InvalidIdError(issues);
  return value;
}

/** Query of known fields, each at most once. Fields in `others` are left to the caller. @throws InvalidQueryError */
export function readQuery<T extends object>(
  shape: Shape<T>,
  request: FastifyRequest,
  others: readonly string[] = [],
): T {
  const issues: Issue[] = [];
  const query = request.query as Texts;
  const value = readTexts(shape, query, issues);
  const known = [...readerOf(shape).fields.map(({ name }) => name), ...others];
  for (const name in query) {
    if (!known.includes(name)) {
      issues.push({ pointer: `/${name}`, message: `is not known here; known are ${known.join(', ')}` });
      // One unknown name is reported: a query may carry thousands, and the answer must stay small.
      break;
    }
    if (Array.isArray(query[name]) && others.includes(name)) issues.push({ pointer: `/${name}`, message: TWICE });
  }
  if (issues.length > 0) throw new InvalidQueryError(issues);
  return value;
}

/** @throws InvalidHeaderError for the first header that is not valid */
export function readHeaders<T extends object>(shape: Shape<T>, { headers }: FastifyRequest): T {
  const issues: Issue[] = [];
  const value = readTexts(shape, headers, issues, true);
  const [first] = issues;
  if (first !== undefined) throw new InvalidHeaderError(first.pointer.slice(1), first.message);
  return value;
}

/** For routes without a query. @throws InvalidQueryError */
export function refuseQuery(request: FastifyRequest): void {
  if (!request.url.includes('?')) return;
  const [name] = Object.keys(request.query as Texts);
  if (name !== undefined) throw InvalidQueryError.of(name, 'is not known here; this route takes no query');
}

const TWICE = 'is given more than once';

function readTexts<T extends object>(shape: Shape<T>, texts: Texts, issues: Issue[], inLowerCase = false): T {
  const { fields, rules } = readerOf(shape);
  const made = new shape() as Record<string, unknown>;
  for (const { key, name, isRequired, default: byDefault, parse, accepts, says } of fields) {
    const given = texts[inLowerCase ? name.toLowerCase() : name];
    if (given === undefined) {
      if (byDefault !== undefined) made[key] = byDefault;
      else if (isRequired) issues.push({ pointer: `/${name}`, message: `is missing: ${says}` });
    } else {
      const value = typeof given === 'string' ? parse?.(given) : undefined;
      if (value !== undefined && accepts(value)) made[key] = value;
      else issues.push({ pointer: `/${name}`, message: Array.isArray(given) ? TWICE : says });
    }
  }
  if (issues.length === 0) {
    for (const { check } of rules) {
      const issue = check(made);
      if (issue !== undefined) issues.push(issue);
    }
  }
  return made as T;
}

function readerOf(shape: Shape): TextsReader {
  let reader = READERS.get(shape);
  if (reader === undefined) READERS.set(shape, (reader = { fields: fieldsOf(shape), rules: rulesOf(shape) }));
  return reader;
}
