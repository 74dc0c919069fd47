import { describe, expect, it } from '@jest/globals';
import { VersionConflictError } from '../../../src/engine/errors.js';
import { patch, put } from '../../support/parts.js';
import { append, EditFailedError, failing, increment, merge } from '../../support/edits.js';
import { metaOf } from '../../support/tenant.js';
import type { Fixture } from '../engine-under-test.js';

const WRITERS = 40;
const writers = Array.from({ length: WRITERS }, (_, i) => i);

export function describeRaces(fixture: Fixture): void {
  describe('concurrent writers', () => {
    it('on one version have one winner, and the others are told its version', async () => {
      const tenant = fixture.tenant();
      await tenant.put('a', {});
      const races = await Promise.allSettled(
        writers.map((writer) => tenant.put('a', { writer }, { expect: { version: 1 } })),
      );
      const won = races.flatMap((race, writer) => (race.status === 'fulfilled' ? [writer] : []));
      expect(won).toHaveLength(1);
      for (const race of races) {
        if (race.status === 'rejected') expect(race.reason).toMatchObject({ current: { version: 2 } });
      }
      expect(await tenant.state('a')).toEqual({ writer: won[0] });
      expect((await tenant.get('a')).version).toBe(2);
    });

    it('that create have one winner', async () => {
      const tenant = fixture.tenant();
      const races = await Promise.allSettled(
        writers.map((writer) => tenant.put('a', { writer }, { expect: { exists: false } })),
      );
      expect(races.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
      expect((await tenant.get('a')).version).toBe(1);
    });

    it('without expectation all land, on versions without gaps', async () => {
      const tenant = fixture.tenant();
      const landed = await Promise.all(writers.map((writer) => tenant.put('a', { writer })));
      expect(landed.map(({ version }) => version).sort((a, b) => a - b)).toEqual(writers.map((i) => i + 1));
      expect(landed.filter(({ created }) => created)).toHaveLength(1);
      expect(new Set(landed.map(({ incarnation }) => incarnation)).size).toBe(1);
    });

    it('that patch with one expected version have one winner', async () => {
      const tenant = fixture.tenant();
      await tenant.put('a', {}, { ttl: null });
      fixture.clock.advance(1);
      const races = await Promise.allSettled(
        writers.map((writer) => tenant.patch('a', merge({ writer }), { expect: { version: 1 }, ttl: 5000 })),
      );
      const lost = races.flatMap((race) => (race.status === 'rejected' ? [race.reason as unknown] : []));
      expect(lost).toHaveLength(WRITERS - 1);
      const current = metaOf(await tenant.get('a'));
      expect(current.version).toBe(2);
      for (const error of lost) {
        expect(error).toBeInstanceOf(VersionConflictError);
        expect(error).toMatchObject({ current });
      }
    });

    it('that patch each expecting the version of the one before all land, when they come in that order', async () => {
      const tenant = fixture.tenant();
      await tenant.put('a', {});
      fixture.clock.advance(1);
      const patches = writers.map((i) =>
        tenant.patch('a', increment, { expect: { version: i === 7 ? 1 : i < 7 ? i + 1 : i }, ttl: 5000 + i }),
      );
      const results = await Promise.allSettled(patches);
      expect(results.map(({ status }) => status)).toEqual(writers.map((i) => (i === 7 ? 'rejected' : 'fulfilled')));
      expect(results[7]).toMatchObject({
        reason: { current: { version: 8, updatedAtMs: fixture.clock.ms, deadlineMs: fixture.clock.ms + 5006 } },
      });
    });

    it('that patch all land, each on a version of its own', async () => {
      const tenant = fixture.tenant();
      await tenant.put('a', { count: 0 });
      const landed = await Promise.all(writers.map(() => tenant.patch('a', increment)));
      expect(landed.map(({ version }) => version).sort((a, b) => a - b)).toEqual(writers.map((i) => i + 2));
      // The state in an answer is the state of the version in it.
      for (const { version, state } of landed) expect(state).toBe(JSON.stringify({ count: version - 1 }));
      expect(await tenant.state('a')).toEqual({ count: WRITERS });
    });

    it('that append lose nothing and leave every step in the history', async () => {
      const tenant = fixture.tenant();
      await tenant.put('a', {});
      await Promise.all(writers.map((writer) => tenant.patch('a', append('logs', writer))));
      const { logs } = (await tenant.state('a')) as { logs: number[] };
      expect(logs.toSorted((a, b) => a - b)).toEqual(writers);
      const versions = await tenant.versions('a');
      expect(versions.map(({ version }) => version)).toEqual(writers.map((i) => WRITERS + 1 - i).concat(1));
      for (const { version, state } of versions.slice(0, -1))
        expect(state).toBe(JSON.stringify({ logs: logs.slice(0, version - 1) }));
    });

    it('that patch with a time to live of their own are each told their own deadline', async () => {
      const tenant = fixture.tenant();
      await tenant.put('a', {}, { ttl: 500 });
      const ttls = writers.map((writer) => (writer % 4 === 0 ? null : 1000 + writer));
      const landed = await Promise.all(ttls.map((ttl) => tenant.patch('a', increment, { ttl })));
      expect(landed.map(({ deadlineMs }) => deadlineMs)).toEqual(ttls.map((ttl) => ttl && fixture.clock.ms + ttl));
      const kept = await tenant.versions('a');
      for (const { version, deadlineMs } of landed)
        expect(kept.find((one) => one.version === version)?.deadlineMs).toBe(deadlineMs);
    });

    it('whose edits fail do not disturb the others', async () => {
      const tenant = fixture.tenant();
      await tenant.put('a', { count: 0 });
      const results = await Promise.allSettled(
        writers.map((writer) =>
          tenant.patch('a', writer % 3 === 1 ? failing(new EditFailedError(`edit ${writer}`)) : increment),
        ),
      );
      results.forEach((result, writer) => {
        if (writer % 3 === 1)
          expect(result).toMatchObject({ status: 'rejected', reason: { message: `edit ${writer}` } });
        else expect(result.status).toBe('fulfilled');
      });
      const landed = writers.filter((writer) => writer % 3 !== 1).length;
      expect(await tenant.state('a')).toEqual({ count: landed });
      expect((await tenant.get('a')).version).toBe(landed + 1);
    });

    it('that put and patch the same workflow never share a version', async () => {
      const tenant = fixture.tenant();
      await tenant.put('a', {});
      const landed = await Promise.all(
        writers.map((writer) => (writer % 2 === 0 ? tenant.put('a', {}) : tenant.patch('a', increment))),
      );
      expect(landed.map(({ version }) => version).sort((a, b) => a - b)).toEqual(writers.map((i) => i + 2));
    });

    it('with several workflows in one commit see all of it or nothing', async () => {
      const tenant = fixture.tenant();
      await tenant.commit({ puts: [put('a', { n: 0 }), put('b', { n: 0 })] });
      const races = await Promise.allSettled(
        writers.map((n) =>
          tenant.commit({
            puts: [put('a', { n }, { expect: { version: 1 } }), put('b', { n }, { expect: { version: 1 } })],
          }),
        ),
      );
      expect(races.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
      expect(await tenant.state('a')).toEqual(await tenant.state('b'));
    });

    it('that patch several workflows in one commit all land', async () => {
      const tenant = fixture.tenant();
      await tenant.commit({ puts: [put('a', {}), put('b', {})] });
      await Promise.all(
        writers.map((writer) =>
          writer % 4 === 0
            ? tenant.patch('a', increment)
            : tenant.commit({ patches: [patch('a', increment), patch('b', increment)] }),
        ),
      );
      expect(await tenant.state('a')).toEqual({ count: WRITERS });
      expect(await tenant.state('b')).toEqual({ count: WRITERS - WRITERS / 4 });
    });

    it('on different workflows do not wait for a failure among them', async () => {
      const tenant = fixture.tenant();
      const results = await Promise.allSettled(
        writers.map((writer) =>
          writer % 5 === 0
            ? tenant.put(`w-${writer}`, {}, { expect: { exists: true } })
            : tenant.put(`w-${writer}`, { writer }),
        ),
      );
      expect(results.filter(({ status }) => status === 'rejected')).toHaveLength(WRITERS / 5);
      expect(await tenant.count()).toBe(WRITERS - WRITERS / 5);
    });

    it('that delete have one winner', async () => {
      const tenant = fixture.tenant();
      await tenant.put('a', {});
      const results = await Promise.allSettled(writers.map(() => tenant.delete('a')));
      expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
      expect(await tenant.find('a')).toBeUndefined();
    });
  });
}
