import { describe, expect, it } from '@jest/globals';
import { validateSync } from 'class-validator';
import type { FastifyRequest } from 'fastify';
import { CommitBody } from '../../commits/commit.dto.js';
import { NewTask } from '../../tasks/new-task.dto.js';
import { ClaimRequest } from '../../tasks/queue.dto.js';
import { TaskListQuery } from '../../tasks/task.dto.js';
import { fieldsOf, type Field, type Shape } from './field.js';
import { readQuery, refuseQuery } from './read-texts.js';
import { readJson } from './read.js';
import { writeJson } from './write.js';

const VALUES: readonly unknown[] = [
  null, true, 0, 1, 9, 10, 49, 50, 51, 999, 1000, 1001, 3_600_000, 3_600_001, 1.5, -1, '', 'a', '.a', 'a b', 'orders.dlq',
  'a'.repeat(128), 'a'.repeat(129), 'a'.repeat(200), 'a'.repeat(201), 'a'.repeat(255), 'a'.repeat(256), '\u{1f9ed}'.repeat(255),
  '\u{1f9ed}'.repeat(256), [], [1], [-1], Array.from({ length: 21 }, () => 1), {}, { a: 'b' }, { a: 1 },
]; // prettier-ignore

/** Fields of single values. Raw JSON, shapes and lists of shapes have no rule. */
const singles = (shape: Shape): readonly Field[] =>
  fieldsOf(shape).filter(({ kind, isTextual }) => kind === 'value' && isTextual !== true);

describe('the compiled reader and the class-validator rules of', () => {
  it.each(
    [NewTask, ClaimRequest].flatMap((shape) => singles(shape).map(({ name }) => [shape.name, name, shape] as const)),
  )('%s take the same values for %s', async (_, name, shape) => {
    const { key } = singles(shape).find((field) => field.name === name) as Field;
    for (const value of VALUES) {
      const made = Object.assign(new shape() as object, { [key]: value });
      const isValid = validateSync(made).every(({ property }) => property !== key);
      expect([value, await isRead(shape, name, value)]).toEqual([value, isValid]);
    }
  });
});

async function isRead(shape: Shape, name: string, value: unknown): Promise<boolean> {
  try {
    await readJson(shape, JSON.stringify({ [name]: value }));
    return true;
  } catch (error) {
    const { errors } = (error as { extensions: { errors: readonly { pointer: string }[] } }).extensions;
    return errors.every(({ pointer }) => pointer !== `/${name}`);
  }
}

describe('a shape', () => {
  it('keeps raw members as the text they are', async () => {
    const { value } = await readJson(NewTask, '{ "payload": {"b": 1.0, "a" : [ ]} }');
    expect(value.payload).toBe('{"b": 1.0, "a" : [ ]}');
    const pieces = writeJson(NewTask, { ...value, payload: '"x"', headers: { 'a"b': 'ü' } });
    expect(JSON.parse(pieces.join(''))).toMatchObject({ payload: 'x', headers: { 'a"b': 'ü' }, priority: 5 });
  });

  it('takes __proto__ for an unknown member', async () => {
    const reading = readJson(NewTask, '{"payload":1,"__proto__":{"id":"a"}}');
    await expect(reading).rejects.toThrow('/__proto__: is not known here');
  });

  it('names every issue with a pointer, those of one object in the order of its fields', async () => {
    const text = '{"enqueue":[{"priority":10,"payload":1,"nope":1}],"puts":{},"ack":1}';
    await expect(readJson(CommitBody, text)).rejects.toThrow(
      expect.objectContaining({
        extensions: {
          errors: ['/ack', '/puts', '/enqueue/0/nope', '/enqueue/0/priority', '/enqueue/0/queue'].map((pointer) => ({
            pointer,
            message: expect.any(String),
          })),
        },
      }),
    );
  });
});

describe('a query of thousands of unknown names', () => {
  const names = Array.from({ length: 2000 }, (_, i) => `x${i}`);
  const request = {
    url: `/?${names.join('&')}`,
    query: Object.fromEntries(names.map((name) => [name, ''])),
  } as unknown as FastifyRequest;

  it.each([
    ['with a query of its own', () => readQuery(TaskListQuery, request)],
    ['without a query', () => refuseQuery(request)],
  ])('is refused by its first name, on a route %s', (_, read) => {
    expect(read).toThrow(
      expect.objectContaining({
        extensions: { errors: [{ pointer: '/x0', message: expect.stringContaining('known') }] },
      }),
    );
  });
});
