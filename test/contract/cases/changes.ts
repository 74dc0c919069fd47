import { describe, expect, it } from '@jest/globals';
import type { Hint } from '../../../src/engine/engine.js';
import { patch, put } from '../../support/parts.js';
import { increment } from '../../support/edits.js';
import type { TestTenant } from '../../support/tenant.js';
import { until } from '../../support/until.js';
import type { Fixture } from '../engine-under-test.js';

/** Counts hints, and can wait for the next one. */
function listen(tenant: TestTenant, id: string) {
  const topic = `workflow ${id}` as const;
  const heard = { hints: 0 };
  const stop = tenant.engine.onChange(tenant.name, topic, () => heard.hints++);
  const next = async (what: string, act: () => Promise<unknown>) => {
    const before = heard.hints;
    await act();
    await until(() => heard.hints > before, `a listener hears of ${what}`);
  };
  return { heard, stop, next };
}

export function describeChanges(fixture: Fixture): void {
  describe('listeners', () => {
    it('hear of every kind of write', async () => {
      const tenant = fixture.tenant();
      const { next, stop } = listen(tenant, 'a');
      await next('a creation', () => tenant.put('a', {}));
      await next('a replacement', () => tenant.put('a', {}));
      await next('a patch', () => tenant.patch('a', increment));
      await next('a commit with others', () =>
        tenant.commit({ puts: [put('b', {})], patches: [patch('a', increment)] }),
      );
      await next('a delete', () => tenant.delete('a'));
      await next('a new life', () => tenant.put('a', {}));
      stop();
    });

    it('learn that a write is a change, and no repeated guess', async () => {
      const tenant = fixture.tenant();
      const hints: Hint[] = [];
      const stop = fixture.engine.onChange(tenant.name, 'workflow a', (hint) => hints.push(hint));
      await until(async () => {
        await tenant.put('a', {});
        return hints.includes('changed');
      }, 'a change is told');
      expect(hints).not.toContain('poll');
      stop();
    });

    it('hear of an expiry when it is swept', async () => {
      const tenant = fixture.tenant();
      await tenant.put('a', {}, { ttl: 10 });
      const { next, stop } = listen(tenant, 'a');
      await next('a write', () => tenant.put('a', {}, { ttl: 10 }));
      await next('an expiry', async () => {
        fixture.clock.advance(10);
        await fixture.engine.sweep();
      });
      expect(await tenant.find('a')).toBeUndefined();
      stop();
    });

    it('read what they were told of', async () => {
      const tenant = fixture.tenant();
      await tenant.put('a', { count: 0 });
      let seen = 1;
      const stop = fixture.engine.onChange(tenant.name, 'workflow a', () => {
        void tenant.find('a').then((record) => (seen = Math.max(seen, record?.version ?? 0)));
      });
      for (let i = 0; i < 20; i++) await tenant.patch('a', increment);
      await until(() => seen === 21, 'the last version is read after a hint');
      stop();
    });

    it('may be several for one workflow', async () => {
      const tenant = fixture.tenant();
      const [one, two] = [listen(tenant, 'a'), listen(tenant, 'a')];
      await two.next('a write', () => one.next('a write', () => tenant.put('a', {})));
      one.stop();
      await two.next('a write after the other has stopped', () => tenant.put('a', {}));
      two.stop();
    });

    it('hear nothing after they have stopped', async () => {
      const tenant = fixture.tenant();
      const stopped = listen(tenant, 'a');
      const other = listen(tenant, 'a');
      await other.next('a write', () => stopped.next('a write', () => tenant.put('a', {})));
      stopped.stop();
      const before = stopped.heard.hints;
      for (let i = 0; i < 3; i++) await other.next('a later write', () => tenant.put('a', {}));
      expect(stopped.heard.hints).toBe(before);
      other.stop();
    });

    it('may stop twice, and listen again', async () => {
      const tenant = fixture.tenant();
      const first = listen(tenant, 'a');
      first.stop();
      first.stop();
      const second = listen(tenant, 'a');
      await second.next('a write', () => tenant.put('a', {}));
      second.stop();
    });

    it('do not hear of refused commits', async () => {
      const tenant = fixture.tenant();
      const { heard, next, stop } = listen(tenant, 'a');
      const other = listen(tenant, 'b');
      await next('a write', () => tenant.put('a', {}));
      await other.next('a write', () => tenant.put('b', {}));
      await other.next('another write', () => tenant.put('b', {}));
      const before = heard.hints;
      for (let i = 0; i < 3; i++) await expect(tenant.put('a', {}, { expect: { version: 9 } })).rejects.toThrow();
      await other.next('a later write', () => tenant.put('b', {}));
      expect(heard.hints).toBe(before);
      stop();
      other.stop();
    });
  });
}
