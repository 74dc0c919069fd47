import { describe, expect, it } from '@jest/globals';
import type { BoardChange } from '../../../src/engine/board.js';
import { once, patch, put } from '../../support/parts.js';
import { increment } from '../../support/edits.js';
import type { TestTenant } from '../../support/tenant.js';
import { newTask, queueNames } from '../../support/tasks.js';
import { until } from '../../support/until.js';
import type { Fixture } from '../engine-under-test.js';
import { MAX_BOARD_ENTRIES, MAX_BOARD_NOTICES } from '../../../src/engine/limits.js';

export function describeBoards(fixture: Fixture): void {
  const change = (tenant: TestTenant, given: Omit<BoardChange, 'board'>, board = 'b') =>
    tenant.commit({ board: { board, ...given } });
  const read = (tenant: TestTenant, board = 'b') => tenant.engine.readBoard(tenant.name, board);
  const notice = (name: string, text = `"${name}"`, keepMs = 1000) => ({ name, text, keepMs });

  describe('a board', () => {
    it('is empty until something is put on it', async () => {
      expect(await read(fixture.tenant())).toEqual({ counts: {}, notices: [], entries: [] });
    });

    it('adds up counts, keeps last values for their time and the newest entries, whatever their texts are', async () => {
      const tenant = fixture.tenant();
      const text = '{"a":"\\u0000\\n🚀","__proto__":[1e2]}';
      await change(tenant, { add: { total: 2, 'agent:x': 1 }, notices: [notice('x', text)], entries: ['first', text] });
      await change(tenant, {
        add: { total: 3 },
        notices: [notice('x', '"later"', 500), notice('a')],
        entries: ['third'],
      });
      expect(await read(tenant)).toEqual({
        counts: { total: 5, 'agent:x': 1 },
        notices: [
          { name: 'a', text: '"a"', untilMs: fixture.clock.ms + 1000 },
          { name: 'x', text: '"later"', untilMs: fixture.clock.ms + 500 },
        ],
        entries: ['third', text, 'first'],
      });
      fixture.clock.advance(500);
      expect((await read(tenant)).notices.map(({ name }) => name)).toEqual(['a']);
      await change(tenant, { notices: [notice('c')] });
      fixture.clock.advance(500);
      const { counts, notices } = await read(tenant);
      expect([counts, notices.map(({ name }) => name)]).toEqual([{ total: 5, 'agent:x': 1 }, ['c']]);
    });

    it('is bounded', async () => {
      const tenant = fixture.tenant();
      const names = Array.from({ length: MAX_BOARD_NOTICES + 5 }, (_, i) => String(i).padStart(5, '0'));
      await change(tenant, { notices: names.map((name) => notice(name, name, name === '00003' ? 5000 : 1000)) });
      await change(tenant, { entries: Array.from({ length: MAX_BOARD_ENTRIES }, (_, i) => String(i)) });
      await change(tenant, { entries: ['x', 'y'] });
      const { notices, entries } = await read(tenant);
      // The notice that ends first is dropped; of equal ones, the first by name.
      expect(notices.map(({ name }) => name)).toEqual(['00003', ...names.slice(6)]);
      expect([entries.length, ...entries.slice(0, 3)]).toEqual([
        MAX_BOARD_ENTRIES,
        'y',
        'x',
        String(MAX_BOARD_ENTRIES - 1),
      ]);
    });

    it('changes once for a once key, in one step with all the rest of its commit', async () => {
      const tenant = fixture.tenant();
      const parts = {
        puts: [put('w', { count: 0 })],
        enqueue: [newTask('q')],
        publish: [{ channel: 'c', type: 't', payload: '{"p":1}' }],
        board: { board: 'b', add: { n: 1 }, notices: [notice('x')], entries: ['e'] },
      };
      const key = once();
      const first = await tenant.commit(parts, key);
      expect(await tenant.commit(parts, key)).toEqual({ ...first, replayed: true });
      expect([first.tasks?.length, first.eventIds?.length]).toEqual([1, 1]);
      expect(await read(tenant)).toMatchObject({ counts: { n: 1 }, entries: ['e'] });
      expect((await tenant.engine.readFeed(tenant.name, undefined, 10)).at(-1)?.fields).toEqual({
        channel: 'c',
        payload: '{"p":1}',
      });
      await tenant.commit({ patches: [patch('w', increment)], board: { board: 'b', add: { n: 1 } } });
      expect([await tenant.state('w'), (await read(tenant)).counts]).toEqual([{ count: 1 }, { n: 2 }]);
    });

    it('is as it was after a refused commit', async () => {
      const tenant = fixture.tenant();
      await change(tenant, { add: { n: 1 }, notices: [notice('x')], entries: ['e'] });
      const before = await read(tenant);
      const board = { board: 'b', add: { n: 1 }, notices: [notice('y')], entries: ['f'] };
      await expect(tenant.commit({ puts: [put('w', {}, { expect: { version: 3 } })], board })).rejects.toThrow();
      expect(await read(tenant)).toEqual(before);
    });

    it('loses no count to others who change it at the same time', async () => {
      const tenant = fixture.tenant();
      await Promise.all(Array.from({ length: 50 }, (_, i) => change(tenant, { add: { n: 2, [`k${i % 5}`]: 1 } })));
      expect((await read(tenant)).counts).toEqual({ n: 100, k0: 10, k1: 10, k2: 10, k3: 10, k4: 10 });
    });

    it('is one of many, each of its tenant, and nothing that a user lists or reads', async () => {
      const [one, two] = [fixture.tenant(), fixture.tenant()];
      await change(one, { add: { n: 1 } });
      await change(one, { add: { n: 5 } }, 'other');
      expect((await read(two)).counts).toEqual({});
      expect([(await read(one)).counts, (await read(one, 'other')).counts]).toEqual([{ n: 1 }, { n: 5 }]);
      expect([await one.ids(), await one.count(), await one.find('b')]).toEqual([[], 0, undefined]);
      expect(await queueNames(one.engine, one.name)).toEqual([]);
      expect(await one.engine.readFeed(one.name, undefined, 10)).toEqual([]);
    });

    it('tells its listeners of new notices', async () => {
      const tenant = fixture.tenant();
      let hints = 0;
      const stop = tenant.engine.onChange(tenant.name, 'board b', () => hints++);
      for (let i = 0; i < 3; i++) {
        const before = hints;
        await change(tenant, { notices: [notice('x', String(i))] });
        await until(() => hints > before, 'a listener hears of a notice');
      }
      stop();
    });
  });
}
