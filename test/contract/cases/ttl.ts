import { describe, expect, it } from '@jest/globals';
import { VersionConflictError, WorkflowNotFoundError } from '../../../src/engine/errors.js';
import { patch, put, remove, touch } from '../../support/parts.js';
import { increment, merge } from '../../support/edits.js';
import { refusalOf } from '../../support/refusal.js';
import { testOptions, type Fixture } from '../engine-under-test.js';

const { defaultTtlMs } = testOptions;

export function describeTtl(fixture: Fixture): void {
  const inMs = (ms: number) => fixture.clock.ms + ms;

  const expired = async () => {
    const tenant = fixture.tenant();
    await tenant.put('stays', { status: 'open' }, { ttl: null });
    await tenant.put('a', { status: 'open' }, { ttl: 10, incarnation: 'first-life' });
    await tenant.put('a', { status: 'open', n: 2 }, { ttl: 10 });
    fixture.clock.advance(10);
    return tenant;
  };

  describe('time to live', () => {
    it('of a new workflow whose writer says "keep" is the policy', async () => {
      expect((await fixture.tenant().put('a', {}, { ttl: 'keep' })).deadlineMs).toBe(inMs(defaultTtlMs));
    });

    it('of null never ends', async () => {
      const tenant = fixture.tenant();
      expect((await tenant.put('a', {}, { ttl: null })).deadlineMs).toBeNull();
      fixture.clock.advance(100 * defaultTtlMs);
      expect((await tenant.get('a')).deadlineMs).toBeNull();
    });

    it('as a number counts from each write', async () => {
      const tenant = fixture.tenant();
      await tenant.put('a', {}, { ttl: 1000 });
      fixture.clock.advance(900);
      expect((await tenant.put('a', {}, { ttl: 1000 })).deadlineMs).toBe(inMs(1000));
      fixture.clock.advance(900);
      expect((await tenant.patch('a', increment, { ttl: 500 })).deadlineMs).toBe(inMs(500));
      fixture.clock.advance(499);
      expect((await tenant.get('a')).version).toBe(3);
    });

    it('of "keep" leaves the deadline of a put where it is', async () => {
      const tenant = fixture.tenant();
      const { deadlineMs } = await tenant.put('a', {}, { ttl: 1000 });
      fixture.clock.advance(400);
      expect((await tenant.put('a', {}, { ttl: 'keep' })).deadlineMs).toBe(deadlineMs);
      expect((await tenant.patch('a', increment, { ttl: 'keep' })).deadlineMs).toBe(deadlineMs);
      expect((await tenant.touch('a', 'keep')).deadlineMs).toBe(deadlineMs);
    });

    it('of "keep" leaves a workflow that never ends without an end', async () => {
      const tenant = fixture.tenant();
      await tenant.put('a', {}, { ttl: null });
      expect((await tenant.put('a', {}, { ttl: 'keep' })).deadlineMs).toBeNull();
      expect((await tenant.patch('a', increment, { ttl: 'keep' })).deadlineMs).toBeNull();
      expect((await tenant.touch('a', 'keep')).deadlineMs).toBeNull();
    });

    it('goes from a number to never and back', async () => {
      const tenant = fixture.tenant();
      await tenant.put('a', {}, { ttl: 100 });
      await tenant.put('a', {}, { ttl: null });
      fixture.clock.advance(1000);
      expect((await tenant.get('a')).version).toBe(2);
      await tenant.patch('a', increment, { ttl: 100 });
      fixture.clock.advance(100);
      expect(await tenant.find('a')).toBeUndefined();
    });

    it('can be shortened and lengthened', async () => {
      const tenant = fixture.tenant();
      await tenant.put('a', {}, { ttl: 10_000 });
      await tenant.put('a', {}, { ttl: 10 });
      await tenant.put('b', {}, { ttl: 10 });
      await tenant.put('b', {}, { ttl: 10_000 });
      fixture.clock.advance(10);
      expect(await tenant.find('a')).toBeUndefined();
      expect(await tenant.find('b')).toBeDefined();
    });

    it('ends at the millisecond of the deadline', async () => {
      const tenant = fixture.tenant();
      await tenant.put('a', {}, { ttl: 50 });
      fixture.clock.advance(49);
      expect(await tenant.find('a')).toBeDefined();
      expect(await tenant.count()).toBe(1);
      fixture.clock.advance(1);
      expect(await tenant.find('a')).toBeUndefined();
      expect(await tenant.count()).toBe(0);
    });

    it('may be as short as a millisecond', async () => {
      const tenant = fixture.tenant();
      await tenant.put('a', {}, { ttl: 1 });
      expect(await tenant.find('a')).toBeDefined();
      fixture.clock.advance(1);
      expect(await tenant.find('a')).toBeUndefined();
    });

    it('may be as long as a century', async () => {
      const century = 36_525 * 86_400_000;
      const tenant = fixture.tenant();
      await tenant.put('a', {}, { ttl: century });
      expect((await tenant.get('a')).deadlineMs).toBe(inMs(century));
    });
  });

  describe('a touch', () => {
    it('moves the deadline and nothing else', async () => {
      const tenant = fixture.tenant();
      const before = await tenant.put('a', { n: 1 }, { ttl: 1000 });
      fixture.clock.advance(500);
      const touched = await tenant.touch('a', 1000);
      expect(touched).toMatchObject({ version: 1, created: false, deadlineMs: inMs(1000) });
      expect(touched.updatedAtMs).toBe(before.updatedAtMs);
      expect(touched.incarnation).toBe(before.incarnation);
      expect(await tenant.get('a')).toMatchObject({
        version: 1,
        updatedAtMs: before.updatedAtMs,
        deadlineMs: inMs(1000),
        state: '{"n":1}',
      });
      expect(await tenant.versions('a')).toHaveLength(1);
    });

    it('lets a workflow live for ever, and end again', async () => {
      const tenant = fixture.tenant();
      await tenant.put('a', {}, { ttl: 10 });
      await tenant.touch('a', null);
      fixture.clock.advance(1000);
      expect((await tenant.get('a')).deadlineMs).toBeNull();
      await tenant.touch('a', 10);
      fixture.clock.advance(10);
      expect(await tenant.find('a')).toBeUndefined();
    });

    it('keeps the history alive with the workflow', async () => {
      const tenant = fixture.tenant();
      await tenant.put('a', { n: 1 }, { ttl: 10 });
      await tenant.put('a', { n: 2 }, { ttl: 10 });
      await tenant.touch('a', 1000);
      fixture.clock.advance(500);
      expect((await tenant.versions('a')).map(({ state }) => state)).toEqual(['{"n":2}', '{"n":1}']);
    });

    it('needs its workflow', async () => {
      const error = await refusalOf(fixture.tenant().touch('nowhere', 5));
      expect(error).toBeInstanceOf(WorkflowNotFoundError);
      expect(error).toMatchObject({ failed: { part: 'touches', index: 0 } });
    });

    it('is not undone by an earlier deadline that passes', async () => {
      const tenant = fixture.tenant();
      await tenant.put('a', { status: 'x' }, { ttl: 10 });
      await tenant.touch('a', 1000);
      fixture.clock.advance(10);
      await fixture.engine.sweep();
      expect(await tenant.find('a')).toBeDefined();
      expect(await tenant.ids({ filter: { fields: { status: 'x' } } })).toEqual(['a']);
    });
  });

  describe('an expired workflow', () => {
    it('is absent for find and findMany', async () => {
      const tenant = await expired();
      expect(await tenant.find('a')).toBeUndefined();
      const found = await fixture.engine.findMany(tenant.name, ['a', 'stays']);
      expect(found.map((record) => record?.id)).toEqual([undefined, 'stays']);
    });

    it('is absent for every list and count', async () => {
      const tenant = await expired();
      for (const filter of [{}, { fields: { status: 'open' } }, { idPrefix: 'a' }, { updatedAfterMs: 0 }]) {
        const rest = 'idPrefix' in filter ? [] : ['stays'];
        expect(await tenant.ids({ filter })).toEqual(rest);
        expect(await tenant.count(filter)).toBe(rest.length);
      }
    });

    it('is absent for its versions', async () => {
      const tenant = await expired();
      expect(await fixture.engine.listVersions(tenant.name, 'a', { limit: 10, includeState: false })).toBeUndefined();
      expect(await fixture.engine.findVersion(tenant.name, 'a', 1)).toEqual({ found: 'no-workflow' });
      expect(await fixture.engine.findVersion(tenant.name, 'a', 2)).toEqual({ found: 'no-workflow' });
    });

    it('is absent for patches, deletes and touches', async () => {
      const tenant = await expired();
      for (const parts of [
        { patches: [patch('a', merge({}))] },
        { deletes: [remove('a')] },
        { touches: [touch('a', 5)] },
      ])
        expect(await refusalOf(tenant.commit(parts))).toBeInstanceOf(WorkflowNotFoundError);
    });

    it('is absent for expectations', async () => {
      const tenant = await expired();
      const error = await refusalOf(tenant.put('a', {}, { expect: { incarnation: 'first-life' } }));
      expect(error).toBeInstanceOf(VersionConflictError);
      expect(error).toMatchObject({ current: undefined });
      expect(await tenant.put('a', {}, { expect: { exists: false } })).toMatchObject({ created: true });
    });

    it('is created again as version 1 of a new incarnation, without history', async () => {
      const tenant = await expired();
      const again = await tenant.put('a', { status: 'new' }, { incarnation: 'second-life', ttl: 1000 });
      expect(again).toMatchObject({
        created: true,
        version: 1,
        incarnation: 'second-life',
        createdAtMs: fixture.clock.ms,
        deadlineMs: inMs(1000),
      });
      expect((await tenant.versions('a')).map(({ version }) => version)).toEqual([1]);
      expect(await tenant.ids({ filter: { fields: { status: 'open' } } })).toEqual(['stays']);
      expect(await tenant.ids({ filter: { fields: { status: 'new' } } })).toEqual(['a']);
      expect(await tenant.count()).toBe(2);
    });

    it('created again outlives the sweep of its first life', async () => {
      const tenant = await expired();
      await tenant.put('a', { status: 'new' }, { ttl: 1000 });
      await fixture.engine.sweep();
      expect(await tenant.find('a')).toBeDefined();
      expect(await tenant.count()).toBe(2);
    });

    it('created again after the sweep starts anew as well', async () => {
      const tenant = await expired();
      await fixture.engine.sweep();
      expect(await tenant.put('a', {})).toMatchObject({ created: true, version: 1 });
      expect(await tenant.versions('a')).toHaveLength(1);
    });

    it('takes its place in a new commit with others', async () => {
      const tenant = await expired();
      const { workflows } = await tenant.commit({ puts: [put('a', {}), put('stays', {})] });
      expect(workflows.map(({ id, version, created }) => [id, version, created])).toEqual([
        ['a', 1, true],
        ['stays', 2, false],
      ]);
    });
  });
}
