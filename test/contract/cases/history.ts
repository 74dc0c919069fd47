import { describe, expect, it } from '@jest/globals';
import type { VersionQuery } from '../../../src/engine/engine.js';
import type { About, Cause } from '../../../src/engine/records/workflow-meta.js';
import { patch } from '../../support/parts.js';
import { append, increment, merge } from '../../support/edits.js';
import { LARGE, longWorkflow } from '../../support/long-workflow.js';
import { FAIL } from '../../support/moving.js';
import { versionOf, type TestTenant } from '../../support/tenant.js';
import { testOptions, type Fixture } from '../engine-under-test.js';

const CAUSES: readonly Cause[] = [
  'put',
  'patch',
  'status',
  'section',
  'log',
  'exhibit',
  'commit',
  'restore',
  'fork',
  'import',
  'adopt',
];

const numbers = async (tenant: TestTenant) => (await tenant.versions('a')).map(({ version }) => version);

export function describeHistory(fixture: Fixture): void {
  const writeTimes = async (tenant: TestTenant, times: number) => {
    for (let n = 1; n <= times; n++) {
      await tenant.put('a', { n });
      fixture.clock.advance(10);
    }
  };

  describe('history', () => {
    it('holds every version as it was, newest first, the current one included', async () => {
      const tenant = fixture.tenant();
      const start = fixture.clock.ms;
      const first = await tenant.put('a', { n: 1 }, { ttl: null, incarnation: 'only-life' });
      fixture.clock.advance(10);
      const second = await tenant.put('a', { n: 22 }, { ttl: 5000 });
      const common = { id: 'a', incarnation: 'only-life', createdAtMs: start };
      const about = { by: 'someone', cause: 'put', changed: null };
      expect((await tenant.versions('a')).map(versionOf)).toEqual([
        {
          ...common,
          version: 2,
          check: second.check,
          updatedAtMs: start + 10,
          deadlineMs: start + 5010,
          about,
          bytes: 8,
          state: '{"n":22}',
        },
        {
          ...common,
          version: 1,
          check: first.check,
          updatedAtMs: start,
          deadlineMs: null,
          about,
          bytes: 7,
          state: '{"n":1}',
        },
      ]);
    });

    it('leaves the states out unless asked', async () => {
      const tenant = fixture.tenant();
      await writeTimes(tenant, 3);
      const page = await fixture.engine.listVersions(tenant.name, 'a', { limit: 10, includeState: false });
      expect(page?.versions.map(({ version, bytes }) => [version, bytes])).toEqual([
        [3, 7],
        [2, 7],
        [1, 7],
      ]);
      for (const version of page?.versions ?? []) expect(version).not.toHaveProperty('state');
    });

    it('is paged downwards by version', async () => {
      const tenant = fixture.tenant();
      await writeTimes(tenant, 10);
      const pages: number[][] = [];
      let before: number | null | undefined;
      while (before !== null) {
        const page = await fixture.engine.listVersions(tenant.name, 'a', {
          limit: 4,
          includeState: false,
          ...(before !== undefined && { before }),
        });
        pages.push((page?.versions ?? []).map(({ version }) => version));
        before = page?.nextBefore ?? null;
      }
      expect(pages).toEqual([
        [10, 9, 8, 7],
        [6, 5, 4, 3],
        [2, 1],
      ]);
    });

    it('is paged upwards by version, oldest first', async () => {
      const tenant = fixture.tenant();
      await writeTimes(tenant, 10);
      const pages: number[][] = [];
      let after: number | null | undefined;
      while (after !== null) {
        const page = await fixture.engine.listVersions(tenant.name, 'a', {
          order: 'asc',
          limit: 4,
          includeState: true,
          ...(after !== undefined && { after }),
        });
        expect(page?.nextBefore).toBeNull();
        for (const { version, state } of page?.versions ?? []) expect(state).toBe(`{"n":${version}}`);
        pages.push((page?.versions ?? []).map(({ version }) => version));
        after = page?.nextAfter ?? null;
      }
      expect(pages).toEqual([
        [1, 2, 3, 4],
        [5, 6, 7, 8],
        [9, 10],
      ]);
    });

    it('is paged by bytes, if states are included: a page has at most 8 MiB of them', async () => {
      const tenant = fixture.tenant();
      await fixture.engine.moving.put(tenant.name, longWorkflow(fixture.clock.ms, { ...LARGE, versions: 9 }), FAIL);
      const list = (query: Omit<VersionQuery, 'limit'>) =>
        fixture.engine.listVersions(tenant.name, 'w', { limit: 1000, ...query });
      const whole = await list({ includeState: false });
      expect([whole?.versions.length, whole?.nextBefore]).toEqual([10, null]);
      const shown = async (query: Omit<VersionQuery, 'limit' | 'includeState'>) => {
        const page = await list({ includeState: true, ...query });
        return [page?.versions.map(({ version }) => version), page?.nextBefore, page?.nextAfter];
      };
      expect(await shown({})).toEqual([[10, 9, 8, 7, 6, 5, 4, 3, 2], 2, null]);
      expect(await shown({ before: 2 })).toEqual([[1], null, null]);
      expect(await shown({ order: 'asc' })).toEqual([[1, 2, 3, 4, 5, 6, 7, 8], null, 8]);
      expect(await shown({ order: 'asc', after: 8 })).toEqual([[9, 10], null, null]);
    });

    it.each([
      [{ after: 2 }, [5, 4, 3]],
      [{ after: 0 }, [5, 4, 3, 2, 1]],
      [{ after: 5 }, []],
      [{ after: 99 }, []],
      [{ before: 5, after: 1 }, [4, 3, 2]],
      [{ before: 3, after: 3 }, []],
      [{ before: 2, after: 4 }, []],
    ])('within %j holds %j, in either order', async (bounds, expected) => {
      const tenant = fixture.tenant();
      await writeTimes(tenant, 5);
      const within = async (order: 'asc' | 'desc') => {
        const page = await fixture.engine.listVersions(tenant.name, 'a', {
          ...bounds,
          order,
          limit: 10,
          includeState: false,
        });
        expect([page?.nextBefore, page?.nextAfter]).toEqual([null, null]);
        return page?.versions.map(({ version }) => version);
      };
      expect(await within('desc')).toEqual(expected);
      expect(await within('asc')).toEqual(expected.toReversed());
    });

    it('has no next page when the last one is full to the brim', async () => {
      const tenant = fixture.tenant();
      await writeTimes(tenant, 4);
      const page = await fixture.engine.listVersions(tenant.name, 'a', { limit: 4, includeState: false });
      expect(page?.nextBefore).toBeNull();
    });

    it.each([
      [1, []],
      [2, [1]],
      [5, [4, 3, 2, 1]],
      [6, [5, 4, 3, 2, 1]],
      [99, [5, 4, 3, 2, 1]],
    ])('before version %i holds %j', async (before, expected) => {
      const tenant = fixture.tenant();
      await writeTimes(tenant, 5);
      const page = await fixture.engine.listVersions(tenant.name, 'a', { limit: 10, before, includeState: true });
      expect(page?.versions.map(({ version }) => version)).toEqual(expected);
      expect(page?.nextBefore).toBeNull();
    });

    it('of a workflow that was never there is undefined', async () => {
      const page = await fixture.engine.listVersions(fixture.tenant().name, 'a', { limit: 10, includeState: false });
      expect(page).toBeUndefined();
    });

    it('finds each version by its number, whole', async () => {
      const tenant = fixture.tenant();
      await writeTimes(tenant, 3);
      for (const n of [1, 2, 3]) {
        const lookup = await fixture.engine.findVersion(tenant.name, 'a', n);
        expect(lookup).toMatchObject({
          found: 'version',
          version: { id: 'a', version: n, state: `{"n":${n}}`, bytes: 7 },
        });
      }
    });

    it('tells a version that never was from a workflow that never was', async () => {
      const tenant = fixture.tenant();
      await writeTimes(tenant, 3);
      for (const n of [0, -1, 4, 1_000_000])
        expect(await fixture.engine.findVersion(tenant.name, 'a', n)).toEqual({ found: 'no-version' });
      expect(await fixture.engine.findVersion(tenant.name, 'b', 1)).toEqual({ found: 'no-workflow' });
    });

    it('does not mix with that of a workflow whose id begins alike', async () => {
      const tenant = fixture.tenant();
      await tenant.put('a', { is: 'a' });
      await tenant.put('a:1', { is: 'a:1' });
      await tenant.put('a', { is: 'a' });
      expect(await tenant.versions('a:1')).toHaveLength(1);
      expect(await tenant.versions('a')).toHaveLength(2);
    });

    it('has no entry for touches', async () => {
      const tenant = fixture.tenant();
      await tenant.put('a', {});
      await tenant.touch('a', 5000);
      expect(await numbers(tenant)).toEqual([1]);
    });

    it('shows the deadline that a version had when the next one came', async () => {
      const tenant = fixture.tenant();
      await tenant.put('a', {}, { ttl: 1000 });
      await tenant.touch('a', 7000);
      const touched = fixture.clock.ms + 7000;
      fixture.clock.advance(5);
      await tenant.put('a', {}, { ttl: 100 });
      expect((await tenant.versions('a')).map(({ deadlineMs }) => deadlineMs)).toEqual([
        fixture.clock.ms + 100,
        touched,
      ]);
    });
  });

  describe('history tells who and why', () => {
    const abouts: readonly (readonly [string, About])[] = [
      [
        'everything that can be said',
        { by: 'key:writer-7', cause: 'commit', note: 'by hand', taskId: 't-1', changed: ['/a', '/b/0'] },
      ],
      ['unicode', { by: 'Käthe 日本', cause: 'put', note: 'Grüße 🚀 \u2028', changed: ['/ключ/~1~0'] }],
      ['line breaks and NUL', { by: 'a\nb', cause: 'put', note: 'one\ntwo\r\n\u0000"\\', changed: [] }],
      ['nothing known of the change', { by: '', cause: 'put', changed: null }],
      ['twenty pointers', { by: 'x', cause: 'patch', changed: Array.from({ length: 20 }, (_, i) => `/items/${i}`) }],
    ];

    it.each(abouts)('%s', async (_what, about) => {
      const tenant = fixture.tenant();
      await tenant.put('a', { n: 1 }, { about });
      const [current] = await tenant.versions('a');
      expect(current?.about).toEqual(about);
      await tenant.put('a', { n: 2 });
      const [, earlier] = await tenant.versions('a');
      expect(earlier).toMatchObject({ about, state: '{"n":1}' });
      expect(await fixture.engine.findVersion(tenant.name, 'a', 1)).toMatchObject({ version: { about } });
    });

    it('with each cause there is', async () => {
      const tenant = fixture.tenant();
      for (const cause of CAUSES) await tenant.put('a', {}, { about: { by: 'x', cause, changed: null } });
      expect((await tenant.versions('a')).map(({ about }) => about.cause)).toEqual(CAUSES.toReversed());
    });

    it('of a patch: what its edit says', async () => {
      const tenant = fixture.tenant();
      await tenant.put('a', {});
      await tenant.patch('a', merge({ x: { y: 1 } }), { by: 'Käthe', note: 'so sei es' });
      await tenant.patch('a', append('logs', 1), { by: 'worker-1' });
      await tenant.commit({ patches: [patch('a', increment, { by: 'worker-2', note: 'in a commit' })] });
      expect((await tenant.versions('a')).map(({ about }) => about)).toEqual([
        { by: 'worker-2', cause: 'patch', note: 'in a commit', changed: ['/count'] },
        { by: 'worker-1', cause: 'log', changed: ['/logs/0'] },
        { by: 'Käthe', cause: 'patch', note: 'so sei es', changed: ['/x'] },
        { by: 'someone', cause: 'put', changed: null },
      ]);
    });
  });

  describe('history is bounded', () => {
    it('by count', async () => {
      await fixture.withEngine({ options: { historyLimit: 3 } }, async (tenant) => {
        await writeTimes(tenant, 7);
        expect(await numbers(tenant)).toEqual([7, 6, 5, 4]);
        expect(await tenant.engine.findVersion(tenant.name, 'a', 4)).toMatchObject({ found: 'version' });
        expect(await tenant.engine.findVersion(tenant.name, 'a', 3)).toEqual({ found: 'pruned', oldest: 4 });
        expect(await tenant.engine.findVersion(tenant.name, 'a', 1)).toEqual({ found: 'pruned', oldest: 4 });
        expect(await tenant.engine.findVersion(tenant.name, 'a', 8)).toEqual({ found: 'no-version' });
      });
    });

    it('by the bytes of the earlier states, to the byte', async () => {
      await fixture.withEngine({ options: { historyMaxBytes: 21 } }, async (tenant) => {
        await writeTimes(tenant, 6);
        expect(await numbers(tenant)).toEqual([6, 5, 4, 3]);
        await tenant.put('a', { n: 10 });
        await tenant.put('a', { n: 11 });
        // 8 + 7 bytes; another 7 would exceed the limit.
        expect(await numbers(tenant)).toEqual([8, 7, 6]);
      });
    });

    it('by bytes of UTF-8', async () => {
      await fixture.withEngine({ options: { historyMaxBytes: 10 } }, async (tenant) => {
        await tenant.put('a', 'üüüü');
        await tenant.put('a', 'later');
        expect(await numbers(tenant)).toEqual([2, 1]);
        await tenant.delete('a');
        await tenant.put('a', 'üüüüx');
        await tenant.put('a', 'later');
        expect(await numbers(tenant)).toEqual([2]);
      });
    });

    it('and keeps no state that is larger than the bound by itself', async () => {
      await fixture.withEngine({ options: { historyMaxBytes: 20 } }, async (tenant) => {
        await tenant.put('a', 'x'.repeat(100));
        await tenant.put('a', 'later');
        expect(await numbers(tenant)).toEqual([2]);
        expect(await tenant.engine.findVersion(tenant.name, 'a', 1)).toEqual({ found: 'pruned', oldest: 2 });
        await tenant.put('a', 'again');
        expect(await numbers(tenant)).toEqual([3, 2]);
      });
    });

    it('and leaves one that is too large out, not the others with it', async () => {
      await fixture.withEngine({ options: { historyMaxBytes: 20 } }, async (tenant) => {
        await tenant.put('a', 1);
        await tenant.put('a', 'x'.repeat(100));
        await tenant.put('a', 3);
        await tenant.put('a', 4);
        expect(await numbers(tenant)).toEqual([4, 3, 1]);
        expect(await tenant.engine.findVersion(tenant.name, 'a', 1)).toMatchObject({ found: 'version' });
        expect(await tenant.engine.findVersion(tenant.name, 'a', 2)).toEqual({ found: 'pruned', oldest: 1 });
      });
    });

    it('and is paged over the versions that were left out', async () => {
      await fixture.withEngine({ options: { historyMaxBytes: 60 } }, async (tenant) => {
        const isLeftOut = (n: number) => [2, 3, 5, 8].includes(n);
        for (let n = 1; n <= 9; n++) await tenant.put('a', isLeftOut(n) ? 'x'.repeat(100) : n);
        const page = async (query: { order: 'asc' | 'desc'; before?: number; after?: number }) => {
          const found = await tenant.engine.listVersions(tenant.name, 'a', { ...query, limit: 2, includeState: true });
          for (const { version, state } of found?.versions ?? []) expect(state).toBe(String(version));
          return [found?.versions.map(({ version }) => version), found?.nextBefore, found?.nextAfter];
        };
        for (const [query, ...expected] of [
          [{ order: 'desc', before: 9 }, [7, 6], 6, null],
          [{ order: 'desc', before: 6 }, [4, 1], null, null],
          [{ order: 'desc', before: 5 }, [4, 1], null, null],
          [{ order: 'desc', before: 4 }, [1], null, null],
          [{ order: 'desc', before: 2 }, [1], null, null],
          [{ order: 'asc' }, [1, 4], null, 4],
          [{ order: 'asc', after: 1 }, [4, 6], null, 6],
          [{ order: 'asc', after: 2 }, [4, 6], null, 6],
          [{ order: 'asc', after: 3 }, [4, 6], null, 6],
          [{ order: 'asc', after: 4 }, [6, 7], null, 7],
          [{ order: 'asc', after: 7 }, [9], null, null],
        ] as const) {
          expect([query, ...(await page(query))]).toEqual([query, ...expected]);
        }
        for (let n = 1; n <= 9; n++) {
          const lookup = await tenant.engine.findVersion(tenant.name, 'a', n);
          expect([n, lookup.found]).toEqual([n, isLeftOut(n) ? 'pruned' : 'version']);
        }
      });
    });

    it('by count when many patches come at once', async () => {
      await fixture.withEngine({ options: { historyLimit: 3 } }, async (tenant) => {
        await tenant.put('a', {});
        await Promise.all(Array.from({ length: 20 }, () => tenant.patch('a', increment)));
        expect((await tenant.versions('a')).map(({ version, state }) => [version, state])).toEqual(
          [20, 19, 18, 17].map((count) => [count + 1, `{"count":${count}}`]),
        );
      });
    });

    it('to the current version when it is off', async () => {
      await fixture.withEngine({ options: { historyLimit: 0 } }, async (tenant) => {
        await writeTimes(tenant, 3);
        expect(await numbers(tenant)).toEqual([3]);
        expect(await tenant.engine.findVersion(tenant.name, 'a', 3)).toMatchObject({ found: 'version' });
        expect(await tenant.engine.findVersion(tenant.name, 'a', 2)).toEqual({ found: 'pruned', oldest: 3 });
      });
    });

    it('to the fifty versions before the current one by default', async () => {
      const tenant = fixture.tenant();
      await tenant.put('a', {});
      for (let i = 0; i < 60; i++) await tenant.patch('a', increment);
      const kept = await numbers(tenant);
      expect(kept).toHaveLength(testOptions.historyLimit + 1);
      expect(kept.at(-1)).toBe(11);
    });
  });
}
