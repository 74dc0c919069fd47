import { describe, expect, it } from '@jest/globals';
import type { ClaimedTask } from '../../../src/engine/task.js';
import { once } from '../../support/parts.js';
import { claimOf, deliveredAgain, newTask, SECOND, TestQueue } from '../../support/tasks.js';
import { MIB, type Fixture } from '../engine-under-test.js';

const TEXTS: Readonly<Record<string, string>> = {
  'an empty list': '[]',
  'an empty object': '{}',
  null: 'null',
  false: 'false',
  'an empty text': '""',
  '2^63': '9223372036854775808',
  'what is not exact in a double': '[0.1000000000000000055,1.50,1e0,-0,1E+2,123456789012345678901234567890]',
  'empty things in things': '{"a":[],"o":{},"l":[[],{}],"":null}',
  'a key twice': '{"a":1,"a":2}',
  'the order of keys': '{"z":1,"2":1,"1":1,"a":1}',
  unicode: '"Grüße 🚀 漢字 \u2028 \u00e9 e\u0301"',
  escapes: '"\\u0000 \\ud83d\\ude00 \\/ \\" \\\\ \\n"',
  'half a character, escaped': '"\\ud83d"',
  'spaces and line breaks': '\n{ "a" :\r\n\t[ 1 ,\n\n2 ] }\n',
  'what looks like a reply': '"+OK\\r\\n$3\\r\\n*2"',
  'what looks like Lua and a pattern': '"%d+ %s {{}} ${x} \\u0025"',
  '1 MB': JSON.stringify('ü'.repeat(MIB / 2 - 1)),
};

export function describeTaskPayloads(fixture: Fixture): void {
  const queue = () => new TestQueue(fixture.engine, fixture.tenant().name);

  describe('what is handed to a task', () => {
    it.each(Object.keys(TEXTS))('comes out as it went in through every door: %s (invariant 16)', async (name) => {
      const text = TEXTS[name] as string;
      // Long texts are compared as a whole, or a failure would print them.
      const same = (...given: (string | undefined)[]) =>
        given.map((one) => (one === text ? 'same' : (one ?? '').slice(0, 200)));
      const q = queue();
      const id = await q.enqueue({ payload: text, workflowId: 'a' });
      const key = 'again';
      const [claimed] = (await q.claim(1, {}, key)).tasks as [ClaimedTask];
      const [again] = (await q.claim(1, {}, key)).tasks as [ClaimedTask];
      expect(same((await q.get(id)).payload, claimed.payload, again.payload)).toEqual(['same', 'same', 'same']);
      await q.release(claimed);
      const commit = once({ keepMs: SECOND });
      const parts = { claim: claimOf('q'), publish: [{ channel: 'c', type: 't', payload: text }] };
      const first = await q.commit(parts, commit);
      const replayed = await q.commit(parts, commit);
      expect(same(first.next?.payload, replayed.next?.payload)).toEqual(['same', 'same']);
      const [message] = (await q.engine.readFeed(q.tenant, undefined, 100)).filter(({ type }) => type === 't');
      expect(same(message?.fields['payload'])).toEqual(['same']);
      await q.fail(first.next as ClaimedTask, { isRetryable: false });
      const [dead] = await q.engine.tasks.listDead(q.tenant, 'q', 1);
      expect(same(dead?.payload)).toEqual(['same']);
      await q.engine.tasks.replayDead(q.tenant, 'q', { ids: [id] }, { resetAttempts: true, spreadMs: 0 }, once());
      const last = await q.take();
      await q.progress(last, text);
      await q.complete(last, text);
      const progress = await q.engine.tasks.readProgress(q.tenant, id, 0, 10);
      const done = await q.get(id);
      expect(same(last.payload, progress?.events[0]?.event, done.result)).toEqual(['same', 'same', 'same']);
      expect(done.payload).toBeUndefined();
    });

    it('is given to a claim up to 8 MiB, and always with one task; the rest stays ready', async () => {
      const q = queue();
      const ids: string[] = [];
      for (let n = 0; n < 10; n++) ids.push(await q.enqueue({ payload: JSON.stringify('x'.repeat(MIB - 1000)) }));
      const key = 'again';
      const given = (await q.claim(50, {}, key)).tasks;
      expect(given.map(({ id }) => id)).toEqual(ids.slice(0, 8));
      expect((await q.claim(50, {}, key)).tasks).toEqual(given.map((task) => deliveredAgain(task)));
      expect(await q.depth()).toMatchObject({ ready: 2, leased: 8 });
      const rest = await q.claim(50);
      expect(rest.tasks.map(({ id }) => id)).toEqual(ids.slice(8));
      for (const task of [...given, ...rest.tasks]) {
        await q.fail(task, { isRetryable: false });
        fixture.clock.advance(1);
      }
      const dead = await q.engine.tasks.listDead(q.tenant, q.name, 100);
      expect(dead.map(({ id }) => id)).toEqual(ids.slice(2).toReversed());
      await q.enqueueSome(1, { payload: JSON.stringify('x'.repeat(9 * MIB)) });
      expect(await q.takeIds(50)).toHaveLength(1);
    });

    it('is given to a claim of small tasks only up to the first large one that does not fit', async () => {
      const q = queue();
      const large = JSON.stringify('x'.repeat(5 * MIB));
      const ids: string[] = [];
      for (const payload of ['1', large, '2', large, '3']) ids.push(await q.enqueue({ payload }));
      const claimed = await q.claim(50);
      expect([claimed.tasks.map(({ id }) => id), claimed.nextDueInMs]).toEqual([ids.slice(0, 3), 0]);
      expect(await q.takeIds(50)).toEqual(ids.slice(3));
    });

    it('may have headers of any kind beside it (invariant 16)', async () => {
      const q = queue();
      for (const headers of [
        '{}',
        '{"trace":"a b","ü":"🚀\\u0000"}',
        '{ "spaced" : "" }',
        '{"n":9223372036854775808}',
      ]) {
        await q.enqueue({ headers, payload: '{\n"line":\n1}' });
        expect(await q.take()).toMatchObject({ headers, payload: '{\n"line":\n1}' });
      }
    });

    it('may have headers with line breaks between their members, as JSON may (invariant 16)', async () => {
      const q = queue();
      const headers = '{\n  "trace": "a"\n}';
      await q.enqueue({ headers, payload: '[]' });
      expect(await q.take()).toMatchObject({ headers, payload: '[]' });
    });

    it('goes wrong with any words (invariant 16)', async () => {
      const q = queue();
      const id = await q.enqueue({ maxAttempts: 20, backoffMs: [0] });
      const errors = ['', '1 2 3', 'Grüße "x"\n🚀', '\u0000', '{"code":"Y"}', 'half \ud83d', 'x'.repeat(2000)].map(
        (message, n) => ({ code: `CODE_${n}`, message }),
      );
      for (const error of errors) await q.fail(await q.take(), { error });
      const { failures } = await q.get(id);
      expect(failures.map(({ code, message }) => ({ code, message }))).toEqual(errors);
      expect(failures.map(({ attempt }) => attempt)).toEqual(errors.map((_, n) => n + 1));
    });

    it('keeps the ids of tasks and workflows that look like something else', async () => {
      const q = queue();
      const ids = ['nothing', 'a:b', '__proto__', 'constructor', '1', '-1', 'task:x', 'A', 'a', '~@+'];
      await q.commit({ enqueue: ids.map((id) => newTask('q', { id, workflowId: id })) });
      expect(await q.takeIds(50)).toEqual(ids);
      for (const id of ids) {
        expect((await q.get(id)).id).toBe(id);
        const listed = await q.engine.tasks.listOfWorkflow(q.tenant, id, 10);
        expect(listed.map((task) => task.id)).toEqual([id]);
      }
    });
  });
}
