import { describe, expect, it } from '@jest/globals';
import type { VersionRef } from '../../../src/engine/engine.js';
import type { TestTenant } from '../../support/tenant.js';
import type { Fixture } from '../engine-under-test.js';

const MIB = 1024 * 1024;

export function describeVersionStates(fixture: Fixture): void {
  const refTo = ({ id, incarnation, version, check }: VersionRef): VersionRef => ({ id, incarnation, version, check });
  const put = async (tenant: TestTenant, id: string, state: unknown, options = {}) =>
    refTo(await tenant.put(id, state, options));
  const states = (tenant: TestTenant, versions: readonly VersionRef[], maxBytes = MIB) =>
    tenant.engine.findStates(tenant.name, versions, maxBytes);

  describe('states of versions', () => {
    it('are found by name, in the order asked for, current and earlier ones of several workflows', async () => {
      const tenant = fixture.tenant();
      const all: VersionRef[] = [];
      for (const n of [1, 2, 3]) for (const id of ['a', 'b']) all.push(await put(tenant, id, { [id]: n }));
      const expected = ['{"a":1}', '{"b":1}', '{"a":2}', '{"b":2}', '{"a":3}', '{"b":3}'];
      expect(await states(tenant, all)).toEqual(expected);
      expect(await states(tenant, [...all, ...all].toReversed())).toEqual([...expected, ...expected].toReversed());
      expect(await states(tenant, [])).toEqual([]);
    });

    it('are exactly as they were written', async () => {
      const tenant = fixture.tenant();
      const texts = ['{ "b": 1.0,\n"a" : 12345678901234567890 }', '"ü 完 \\u0000"', '""'];
      const refs: VersionRef[] = [];
      for (const text of texts) refs.push(refTo(await tenant.putText('a', text)));
      expect(await states(tenant, refs)).toEqual(texts);
    });

    it('are missing where the name is that of no kept version', async () => {
      const tenant = fixture.tenant();
      const first = await put(tenant, 'a', 1);
      const second = await put(tenant, 'a', 2);
      const wrong = [
        { ...first, incarnation: 'another-life' },
        { ...first, check: `${first.check}x` },
        { ...second, check: '' },
        { ...second, version: 1 },
        { ...first, version: 2 },
        { ...second, version: 3 },
        { ...first, version: 0 },
        { ...first, id: 'b' },
      ];
      expect(await states(tenant, [first, ...wrong, second])).toEqual(['1', ...wrong.map(() => undefined), '2']);
      expect(await fixture.tenant().engine.findStates(fixture.tenant().name, [first], MIB)).toEqual([undefined]);
    });

    it('are missing once the workflow is deleted or has expired, also when its id is there again', async () => {
      const tenant = fixture.tenant();
      const old = [await put(tenant, 'a', 1), await put(tenant, 'a', 2), await put(tenant, 'b', 1, { ttl: 1000 })];
      await tenant.delete('a');
      fixture.clock.advance(1001);
      expect(await states(tenant, old)).toEqual([undefined, undefined, undefined]);
      const again = [await put(tenant, 'a', 'new 1'), await put(tenant, 'a', 'new 2'), await put(tenant, 'b', 'new')];
      const expected = [undefined, undefined, undefined, '"new 1"', '"new 2"', '"new"'];
      expect(await states(tenant, [...old, ...again])).toEqual(expected);
    });

    it('are missing once they are pruned or left out of the history', async () => {
      await fixture.withEngine({ options: { historyLimit: 3, historyMaxBytes: 50 } }, async (tenant) => {
        const refs: VersionRef[] = [];
        for (const state of [1, 2, 3, 'x'.repeat(60), 5, 6]) refs.push(await put(tenant, 'a', state));
        expect(await states(tenant, refs)).toEqual([undefined, '2', '3', undefined, '5', '6']);
      });
    });

    it('are cut by their bytes, but the first is always there', async () => {
      const tenant = fixture.tenant();
      const refs: VersionRef[] = [];
      for (let n = 0; n < 4; n++) refs.push(await put(tenant, 'a', '完'.repeat(10)));
      const text = JSON.stringify('完'.repeat(10));
      const gone = { ...(refs[0] as VersionRef), incarnation: 'another-life' };
      for (const [maxBytes, count] of [
        [1, 1],
        [32, 1],
        [63, 1],
        [64, 2],
        [95, 2],
        [128, 4],
      ] as const) {
        expect([maxBytes, await states(tenant, refs, maxBytes)]).toEqual([maxBytes, Array(count).fill(text)]);
      }
      expect((await states(tenant, [gone, ...refs], 1)).slice(0, 2)).toEqual([undefined, text]);
      expect(await states(tenant, [gone, gone], 1)).toEqual([undefined, undefined]);
    });

    it('are found for more versions, and more bytes, than one step reads', async () => {
      const tenant = fixture.tenant();
      const refs: VersionRef[] = [];
      for (let n = 0; n < 120; n++) refs.push(await put(tenant, `w-${n}`, n));
      const large: VersionRef[] = [];
      for (let n = 0; n < 5; n++) large.push(await put(tenant, `large-${n}`, 'x'.repeat(600_000)));
      const found = await states(tenant, [...refs, ...large], 8 * MIB);
      expect(found.slice(0, 120)).toEqual(refs.map((_, n) => String(n)));
      expect(found.slice(120).map((state) => state?.length)).toEqual(Array(5).fill(600_002));
      expect(await states(tenant, large, 2_000_000)).toHaveLength(3);
    });
  });
}
