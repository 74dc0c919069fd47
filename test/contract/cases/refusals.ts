import { describe, expect, it } from '@jest/globals';
import {
  IdempotencyMismatchError,
  StateTooLargeError,
  VersionConflictError,
  WorkflowNotFoundError,
} from '../../../src/engine/errors.js';
import { once, patch, put, putText, remove, touch } from '../../support/parts.js';
import { EditFailedError, failing, merge, replaceBy } from '../../support/edits.js';
import { refusalOf } from '../../support/refusal.js';
import { dump, type Parts, type TestTenant } from '../../support/tenant.js';
import { MIB, type Fixture } from '../engine-under-test.js';

type Part = 'puts' | 'patches' | 'deletes' | 'touches';
const PARTS: readonly Part[] = ['puts', 'patches', 'deletes', 'touches'];
const EACH = 3;
const POSITIONS = PARTS.flatMap((part) => Array.from({ length: EACH }, (_, index) => ({ part, index })));

const TOO_LARGE = JSON.stringify('x'.repeat(MIB));
const TOO_DEEP = `${'['.repeat(101)}${']'.repeat(101)}`;

/** A valid commit with three of each part. */
function wholeCommit(): { [P in Part]: NonNullable<Parts[P]>[number][] } {
  return {
    puts: [put('p0', { new: true }), put('p1', { new: true }, { ttl: null }), put('fresh', {})],
    patches: ['e0', 'e1', 'e2'].map((id) => patch(id, merge({ edited: true }))),
    deletes: ['d0', 'd1', 'd2'].map((id) => remove(id)),
    touches: ['t0', 't1', 't2'].map((id) => touch(id, 77)),
  };
}

type WholeCommit = ReturnType<typeof wholeCommit>;

/** The whole commit with one invalid part. */
function spoilt(part: Part, index: number, spoil: (original: { id: string }) => object): WholeCommit {
  const commit = wholeCommit();
  const list = commit[part] as { id: string }[];
  const original = list[index] as { id: string };
  list[index] = { ...original, ...spoil(original) };
  return commit;
}

export function describeRefusals(fixture: Fixture): void {
  const filled = async (): Promise<TestTenant> => {
    const tenant = fixture.tenant();
    const ids = ['p0', 'p1', 'e0', 'e1', 'e2', 'd0', 'd1', 'd2', 't0', 't1', 't2'];
    await tenant.commit({ puts: ids.map((id) => put(id, { id, status: 'old' })) });
    await tenant.commit({ puts: ids.map((id) => put(id, { id, status: 'old', second: true })) });
    fixture.clock.advance(1);
    return tenant;
  };

  /** The commit is refused, changes nothing, and leaves the once key free. */
  const refused = async (tenant: TestTenant, parts: Parts): Promise<unknown> => {
    const before = await dump(fixture.engine, tenant.name);
    const name = once();
    const error = await refusalOf(fixture.engine.commit(tenant.name, { once: name, ...parts }));
    expect(await dump(fixture.engine, tenant.name)).toEqual(before);
    expect(await fixture.engine.findOutcome(tenant.name, name.key, name.fingerprint)).toBeUndefined();
    return error;
  };

  describe('a refusal changes nothing', () => {
    it('and the whole commit goes through when nothing is bad', async () => {
      const tenant = await filled();
      const { workflows } = await tenant.commit(wholeCommit());
      expect(workflows).toHaveLength(9);
      expect(await tenant.count()).toBe(9);
    });

    it.each(POSITIONS)('with an expectation that fails in $part[$index]', async ({ part, index }) => {
      const tenant = await filled();
      const error = await refused(
        tenant,
        spoilt(part, index, () => ({ expect: { version: 99 } })),
      );
      expect(error).toBeInstanceOf(VersionConflictError);
      expect(error).toMatchObject({ failed: { part, index } });
    });

    it.each(POSITIONS.filter(({ part }) => part !== 'puts'))(
      'with a workflow missing in $part[$index]',
      async ({ part, index }) => {
        const tenant = await filled();
        const error = await refused(
          tenant,
          spoilt(part, index, () => ({ id: 'nowhere' })),
        );
        expect(error).toBeInstanceOf(WorkflowNotFoundError);
        expect(error).toMatchObject({ id: 'nowhere', failed: { part, index } });
      },
    );

    it.each(POSITIONS.filter(({ part }) => part === 'puts'))(
      'with a state too large in $part[$index]',
      async ({ part, index }) => {
        const tenant = await filled();
        const error = await refused(
          tenant,
          spoilt(part, index, ({ id }) => putText(id, TOO_LARGE)),
        );
        expect(error).toBeInstanceOf(StateTooLargeError);
        expect(error).toMatchObject({ extensions: { limit: MIB, actual: MIB + 2 } });
      },
    );

    it.each(POSITIONS.filter(({ part }) => part === 'patches'))(
      'with an edit that throws in $part[$index]',
      async ({ part, index }) => {
        const tenant = await filled();
        const failure = new EditFailedError();
        const error = await refused(
          tenant,
          spoilt(part, index, () => ({ edit: failing(failure) })),
        );
        expect(error).toBe(failure);
      },
    );

    it.each(POSITIONS.filter(({ part }) => part === 'patches'))(
      'with a result too large in $part[$index]',
      async ({ part, index }) => {
        const tenant = await filled();
        const error = await refused(
          tenant,
          spoilt(part, index, () => ({ edit: replaceBy(TOO_LARGE) })),
        );
        expect(error).toBeInstanceOf(StateTooLargeError);
        expect(error).toMatchObject({ extensions: { limit: MIB, actual: MIB + 2 } });
      },
    );

    it.each(POSITIONS.filter(({ part }) => part === 'patches'))(
      'with a result too deep in $part[$index]',
      async ({ part, index }) => {
        const tenant = await filled();
        const error = await refused(
          tenant,
          spoilt(part, index, () => ({ edit: replaceBy(TOO_DEEP) })),
        );
        expect(error).toMatchObject({ code: 'JSON_REFUSED', failed: { part, index } });
      },
    );

    it('with a once key that is known for another request', async () => {
      const tenant = await filled();
      const taken = once();
      await tenant.commit({ touches: [touch('t0', 5000)] }, taken);
      const before = await dump(fixture.engine, tenant.name);
      const error = await refusalOf(tenant.commit(wholeCommit(), { ...taken, fingerprint: 'another' }));
      expect(error).toBeInstanceOf(IdempotencyMismatchError);
      expect(error).toMatchObject({ code: 'IDEMPOTENCY_MISMATCH' });
      expect(await dump(fixture.engine, tenant.name)).toEqual(before);
    });

    it('to listings and counts either', async () => {
      const tenant = await filled();
      const before = await tenant.list({ sort: '-updatedAt', includeState: true });
      await refused(
        tenant,
        spoilt('touches', 2, () => ({ expect: { version: 99 } })),
      );
      expect((await tenant.list({ sort: '-updatedAt', includeState: true })).items).toEqual(before.items);
      expect(await tenant.count({ fields: { status: 'old' } })).toBe(11);
    });
  });

  describe('the order of the checks', () => {
    const bad = { expect: { version: 99 } };

    it('is puts, patches, deletes, touches', async () => {
      const tenant = await filled();
      for (const [i, part] of PARTS.entries()) {
        const commit = wholeCommit();
        for (const later of PARTS.slice(i)) {
          const list = commit[later] as object[];
          list[1] = { ...list[1], ...bad };
        }
        expect(await refused(tenant, commit)).toMatchObject({ failed: { part, index: 1 } });
      }
    });

    it('is first to last within a part', async () => {
      const tenant = await filled();
      for (const part of PARTS) {
        const commit = wholeCommit();
        const list = commit[part] as object[];
        list[1] = { ...list[1], ...bad };
        list[2] = { ...list[2], ...bad };
        expect(await refused(tenant, commit)).toMatchObject({ failed: { part, index: 1 } });
      }
    });

    it('looks at the expectation before it misses the workflow', async () => {
      const error = await refusalOf(fixture.tenant().touch('nowhere', 5, { exists: true }));
      expect(error).toBeInstanceOf(VersionConflictError);
    });

    it('asks an edit only when its expectation holds', async () => {
      const tenant = await filled();
      const error = await refused(
        tenant,
        spoilt('patches', 1, () => ({ edit: failing(), ...bad })),
      );
      expect(error).toBeInstanceOf(VersionConflictError);
    });

    it('refuses an edit of a put that fails before it', async () => {
      const tenant = await filled();
      const commit = wholeCommit();
      commit.puts[1] = { ...put('p1', {}), ...bad };
      commit.patches[0] = patch('e0', failing());
      expect(await refused(tenant, commit)).toMatchObject({ failed: { part: 'puts', index: 1 } });
    });
  });

  describe('after a refusal', () => {
    it('the same once key can go through', async () => {
      const tenant = await filled();
      const name = once();
      await refusalOf(tenant.commit({ puts: [put('p0', {}, { expect: { version: 99 } })] }, name));
      const outcome = await tenant.commit({ puts: [put('p0', {}, { expect: { version: 2 } })] }, name);
      expect(outcome).toMatchObject({ replayed: false, workflows: [{ id: 'p0', version: 3 }] });
    });

    it('the next version follows the last one that was written', async () => {
      const tenant = await filled();
      for (let i = 0; i < 5; i++) await refusalOf(tenant.put('p0', {}, { expect: { version: 1 } }));
      expect((await tenant.put('p0', {})).version).toBe(3);
    });
  });
}
