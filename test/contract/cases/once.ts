import { describe, expect, it } from '@jest/globals';
import type { Outcome } from '../../../src/engine/commit.js';
import { IdempotencyMismatchError } from '../../../src/engine/errors.js';
import { once, patch, put, remove, replayOf, touch } from '../../support/parts.js';
import { append, failing, increment, merge } from '../../support/edits.js';
import { refusalOf } from '../../support/refusal.js';
import { dump, type Parts } from '../../support/tenant.js';
import type { Fixture } from '../engine-under-test.js';

const KINDS: readonly (readonly [string, () => Parts])[] = [
  ['a put that creates', () => ({ puts: [put('new', { n: 1 }, { ttl: 5000 })] })],
  ['a put that replaces', () => ({ puts: [put('a', { n: 1 }, { ttl: null })] })],
  ['a patch', () => ({ patches: [patch('a', increment)] })],
  ['a delete', () => ({ deletes: [remove('a')] })],
  ['a touch', () => ({ touches: [touch('a', 1234)] })],
  [
    'a commit of all parts',
    () => ({
      puts: [put('new', {}), put('p', {})],
      patches: [patch('a', increment), patch('e', merge({ x: 1 }))],
      deletes: [remove('d')],
      touches: [touch('t', null)],
    }),
  ],
];

export function describeOnce(fixture: Fixture): void {
  const filled = async () => {
    const tenant = fixture.tenant();
    await tenant.commit({ puts: ['a', 'p', 'e', 'd', 't'].map((id) => put(id, { id })) });
    fixture.clock.advance(1);
    return tenant;
  };

  describe('a commit sent again', () => {
    it.each(KINDS)('has one effect and the same outcome: %s', async (_name, parts) => {
      const tenant = await filled();
      const name = once();
      const first = await tenant.commit(parts(), name);
      expect(first.replayed).toBe(false);
      const after = await dump(fixture.engine, tenant.name);
      fixture.clock.advance(7);
      const second = await tenant.commit(parts(), name);
      expect(second).toEqual(replayOf(first));
      expect(await dump(fixture.engine, tenant.name)).toEqual(after);
      expect(await fixture.engine.findOutcome(tenant.name, name.key, name.fingerprint)).toEqual(second);
    });

    it.each(KINDS)('still gives the same outcome when others have written since: %s', async (_name, parts) => {
      const tenant = await filled();
      const name = once();
      const first = await tenant.commit(parts(), name);
      for (const id of ['a', 'new', 'p']) await tenant.put(id, { later: true }, { ttl: null });
      await tenant.delete('t').catch(() => undefined);
      const after = await dump(fixture.engine, tenant.name);
      expect(await tenant.commit(parts(), name)).toEqual(replayOf(first));
      expect(await dump(fixture.engine, tenant.name)).toEqual(after);
    });

    it('replays before any expectation is looked at', async () => {
      const tenant = fixture.tenant();
      const name = once();
      const create = { puts: [put('a', {}, { expect: { exists: false } })] };
      await tenant.commit(create, name);
      expect(await tenant.commit(create, name)).toMatchObject({ replayed: true, workflows: [{ version: 1 }] });
    });

    it('replays although the workflow is gone', async () => {
      const tenant = await filled();
      const name = once();
      await tenant.commit({ patches: [patch('a', increment)] }, name);
      await tenant.delete('a');
      expect(await tenant.commit({ patches: [patch('a', increment)] }, name)).toMatchObject({
        replayed: true,
        workflows: [{ id: 'a', version: 2 }],
      });
      expect(await tenant.find('a')).toBeUndefined();
    });

    it('replays although its edit would fail now', async () => {
      const tenant = await filled();
      const name = once();
      await tenant.commit({ patches: [patch('a', increment)] }, name);
      expect(await tenant.commit({ patches: [patch('a', failing())] }, name)).toMatchObject({ replayed: true });
      const several = once();
      await tenant.commit({ patches: [patch('a', increment), patch('e', increment)] }, several);
      expect(await tenant.commit({ patches: [patch('a', failing()), patch('e', failing())] }, several)).toMatchObject({
        replayed: true,
        workflows: [{ id: 'a' }, { id: 'e' }],
      });
    });

    it('replays although its state would be too large now', async () => {
      await fixture.withEngine({ options: { maxStateBytes: 30 } }, async (tenant) => {
        const name = once();
        await tenant.put('a', { logs: [] });
        const grow = { patches: [patch('a', append('logs', 'x'.repeat(10)))] };
        await tenant.commit(grow, name);
        expect(await tenant.commit(grow, name)).toMatchObject({ replayed: true });
        expect((await tenant.get('a')).version).toBe(2);
      });
    });

    it('replays a hundred times', async () => {
      const tenant = await filled();
      const name = once();
      const again = () => tenant.commit({ patches: [patch('a', increment)] }, name);
      await again();
      const replays = await Promise.all(Array.from({ length: 100 }, again));
      expect(replays.every(({ replayed }) => replayed)).toBe(true);
      expect(await tenant.state('a')).toEqual({ id: 'a', count: 1 });
    });

    it.each(KINDS)('at the same time has exactly one effect: %s', async (_name, parts) => {
      const tenant = await filled();
      const name = once();
      const outcomes = await Promise.all(Array.from({ length: 10 }, () => tenant.commit(parts(), name)));
      expect(outcomes.filter(({ replayed }) => !replayed)).toHaveLength(1);
      const first = outcomes.find(({ replayed }) => !replayed);
      for (const outcome of outcomes.filter(({ replayed }) => replayed))
        expect(outcome).toEqual(replayOf(first as Outcome));
    });

    it('at the same time behind others has exactly one effect', async () => {
      const tenant = await filled();
      const [name, other] = [once(), once()];
      const add = (item: string, key = once()) => tenant.commit({ patches: [patch('a', append('logs', item))] }, key);
      const outcomes = await Promise.all([
        add('first'),
        ...Array.from({ length: 5 }, () => add('twin', name)),
        add('between'),
        ...Array.from({ length: 5 }, () => add('twin', name)),
        add('other', other),
        add('other', { ...other, fingerprint: 'another' }).catch((error: unknown) => error),
      ]);
      expect(outcomes.at(-1)).toBeInstanceOf(IdempotencyMismatchError);
      const twins = outcomes.slice(1, 6).concat(outcomes.slice(7, 12)) as { replayed: boolean; workflows: unknown }[];
      expect(twins.filter(({ replayed }) => !replayed)).toHaveLength(1);
      for (const { workflows } of twins) expect(workflows).toMatchObject([{ version: 3 }]);
      expect(await tenant.state('a')).toMatchObject({ logs: ['first', 'twin', 'between', 'other'] });
    });

    it('keeps no state that a patch made, since a store full of them would refuse writes', async () => {
      const tenant = await filled();
      const name = once({ keepMs: 86_400_000 });
      const add = { patches: [patch('a', merge({ text: 'x'.repeat(2000) }))] };
      const first = await tenant.commit(add, name);
      expect(first.workflows[0]?.state).toContain('xxx');
      const again = await tenant.commit(add, name);
      expect(again).toMatchObject({ replayed: true, workflows: [{ id: 'a', version: 2 }] });
      expect(again.workflows[0]).not.toHaveProperty('state');
    });

    it('gives its memo back, first and again', async () => {
      const tenant = await filled();
      const memo = '{"status":201,"text":"Grüße\\n\\u0000"}';
      const name = once({ memo });
      expect((await tenant.commit({ touches: [touch('a', 5000)] }, name)).memo).toBe(memo);
      expect((await tenant.commit({ touches: [touch('a', 5000)] }, name)).memo).toBe(memo);
      expect((await fixture.engine.findOutcome(tenant.name, name.key, name.fingerprint))?.memo).toBe(memo);
    });

    it('gives the memo of the first, not of the second', async () => {
      const tenant = await filled();
      const name = once({ memo: 'first' });
      await tenant.commit({ touches: [touch('a', 5000)] }, name);
      expect((await tenant.commit({ touches: [touch('a', 5000)] }, { ...name, memo: 'second' })).memo).toBe('first');
    });

    it('with another body is a mistake', async () => {
      const tenant = await filled();
      const name = once();
      await tenant.commit({ patches: [patch('a', increment)] }, name);
      const other = { ...name, fingerprint: 'another' };
      for (const parts of [
        { patches: [patch('a', increment)] },
        { puts: [put('a', {}, { expect: { version: 99 } })] },
        { patches: [patch('a', increment), patch('e', failing())] },
        { deletes: [remove('nowhere')] },
      ])
        expect(await refusalOf(tenant.commit(parts, other))).toBeInstanceOf(IdempotencyMismatchError);
      expect(await refusalOf(fixture.engine.findOutcome(tenant.name, name.key, 'another'))).toBeInstanceOf(
        IdempotencyMismatchError,
      );
      expect(await tenant.state('a')).toEqual({ id: 'a', count: 1 });
    });

    it('goes through again when its outcome is no longer kept, at that very millisecond', async () => {
      const tenant = await filled();
      const name = once({ keepMs: 60_000 });
      const again = () => tenant.commit({ patches: [patch('a', increment, { ttl: null })] }, name);
      await again();
      fixture.clock.advance(59_999);
      expect((await again()).replayed).toBe(true);
      fixture.clock.advance(1);
      expect(await fixture.engine.findOutcome(tenant.name, name.key, name.fingerprint)).toBeUndefined();
      expect((await again()).replayed).toBe(false);
      expect(await tenant.state('a')).toEqual({ id: 'a', count: 2 });
    });

    it('may have another body when the outcome is no longer kept', async () => {
      const tenant = await filled();
      const name = once({ keepMs: 1000 });
      await tenant.commit({ touches: [touch('a', null)] }, name);
      fixture.clock.advance(1000);
      const other = { ...name, fingerprint: 'another' };
      expect((await tenant.commit({ touches: [touch('a', null)] }, other)).replayed).toBe(false);
    });

    it('is not kept longer by being asked for', async () => {
      const tenant = await filled();
      const name = once({ keepMs: 1000 });
      const again = () => tenant.commit({ touches: [touch('a', null)] }, name);
      await again();
      fixture.clock.advance(600);
      await again();
      fixture.clock.advance(600);
      expect((await again()).replayed).toBe(false);
    });

    it('is known over a sweep', async () => {
      const tenant = await filled();
      const name = once({ keepMs: 10_000 });
      await tenant.commit({ touches: [touch('a', null)] }, name);
      fixture.clock.advance(9_000);
      await fixture.engine.sweep();
      expect((await tenant.commit({ touches: [touch('a', null)] }, name)).replayed).toBe(true);
    });

    it('is unknown under a key that nobody used', async () => {
      expect(await fixture.engine.findOutcome(fixture.tenant().name, 'unused', 'any')).toBeUndefined();
    });

    it('is told apart from others by its whole key', async () => {
      const tenant = await filled();
      for (const key of ['k', 'k:', 'k:1', 'K', 'k\n', 'k=1', 'ключ'])
        expect((await tenant.commit({ touches: [touch('a', null)] }, { key })).replayed).toBe(false);
    });

    it('used for another patch is refused alone, not with the patches that came at the same moment', async () => {
      const tenant = fixture.tenant();
      await tenant.put('a', {});
      const name = once({ keepMs: 86_400_000 });
      await tenant.commit({ patches: [patch('a', increment)] }, name);
      const results = await Promise.allSettled([
        tenant.patch('a', increment),
        tenant.commit({ patches: [patch('a', increment)] }, { ...name, fingerprint: 'another' }),
        tenant.patch('a', increment),
        tenant.patch('a', increment, { expect: { version: 99 } }),
        tenant.patch('a', increment),
      ]);
      const codes = results.map((result) =>
        result.status === 'fulfilled' ? 'done' : (result.reason as { code: string }).code,
      );
      expect(codes).toEqual(['done', 'IDEMPOTENCY_MISMATCH', 'done', 'VERSION_CONFLICT', 'done']);
      expect(await tenant.state('a')).toEqual({ count: 4 });
    });
  });
}
