import { describe, expect, it } from '@jest/globals';
import type { Expect } from '../../../src/engine/commit.js';
import { VersionConflictError, WorkflowNotFoundError } from '../../../src/engine/errors.js';
import { etagOf, type WorkflowMeta } from '../../../src/engine/records/workflow-meta.js';
import { merge } from '../../support/edits.js';
import { refusalOf } from '../../support/refusal.js';
import type { TestTenant } from '../../support/tenant.js';
import type { Fixture } from '../engine-under-test.js';

type Write = (tenant: TestTenant, expected: Expect) => Promise<unknown>;

/** The four ways to write, each with an expectation of workflow "a". */
const WRITES: readonly (readonly [string, Write])[] = [
  ['a put', (tenant, expected) => tenant.put('a', { new: true }, { expect: expected })],
  ['a patch', (tenant, expected) => tenant.patch('a', merge({ new: true }), { expect: expected })],
  ['a delete', (tenant, expected) => tenant.delete('a', expected)],
  ['a touch', (tenant, expected) => tenant.touch('a', 1, expected)],
];

const HITS: readonly (readonly [string, (current: WorkflowMeta) => Expect])[] = [
  ['the version', ({ version }) => ({ version })],
  ['the etag', (current) => ({ etags: [etagOf(current)] })],
  ['one etag of several', (current) => ({ etags: ['"other-1"', etagOf(current), '"other-2"'] })],
  ['existence', () => ({ exists: true })],
  ['the incarnation', ({ incarnation }) => ({ incarnation })],
];

const MISSES: readonly (readonly [string, (current: WorkflowMeta) => Expect])[] = [
  ['a version before', ({ version }) => ({ version: version - 1 })],
  ['a version to come', ({ version }) => ({ version: version + 1 })],
  ['another etag', ({ incarnation }) => ({ etags: [`"${incarnation}-1"`] })],
  ['an etag without its quotes', (current) => ({ etags: [etagOf(current).slice(1, -1)] })],
  ['a weak etag', (current) => ({ etags: [`W/${etagOf(current)}`] })],
  ['no etag at all', () => ({ etags: [] })],
  ['absence', () => ({ exists: false })],
  ['another incarnation', () => ({ incarnation: 'another-life' })],
];

const ABSENT_MISSES: readonly (readonly [string, Expect])[] = [
  ['version 1', { version: 1 }],
  ['version 0', { version: 0 }],
  ['an etag', { etags: ['"some-1"'] }],
  ['existence', { exists: true }],
  ['an incarnation', { incarnation: 'some-life' }],
];

export function describeExpectations(fixture: Fixture): void {
  const two = async (): Promise<{ tenant: TestTenant; current: WorkflowMeta }> => {
    const tenant = fixture.tenant();
    await tenant.put('a', { n: 1 });
    fixture.clock.advance(1);
    return { tenant, current: await tenant.put('a', { n: 2 }) };
  };

  describe.each(WRITES)('expectations of %s', (_name, write) => {
    it.each(HITS)('hold for %s', async (_what, expected) => {
      const { tenant, current } = await two();
      await expect(write(tenant, expected(current))).resolves.not.toThrow();
    });

    it.each(MISSES)('refuse %s, and tell what is current', async (_what, expected) => {
      const { tenant, current } = await two();
      const error = await refusalOf(write(tenant, expected(current)));
      expect(error).toBeInstanceOf(VersionConflictError);
      expect(error).toMatchObject({
        code: 'VERSION_CONFLICT',
        failed: { index: 0 },
        current: {
          id: 'a',
          incarnation: current.incarnation,
          version: 2,
          createdAtMs: current.createdAtMs,
          updatedAtMs: current.updatedAtMs,
          deadlineMs: current.deadlineMs,
        },
        extensions: {
          current: {
            version: 2,
            etag: etagOf(current),
            updatedAt: new Date(current.updatedAtMs).toISOString(),
          },
        },
      });
      expect((await tenant.get('a')).state).toBe('{"n":2}');
      expect((await tenant.get('a')).deadlineMs).toBe(current.deadlineMs);
    });

    it.each(ABSENT_MISSES)('refuse %s of a workflow that is not there', async (_what, expected) => {
      const tenant = fixture.tenant();
      const error = await refusalOf(write(tenant, expected));
      expect(error).toBeInstanceOf(VersionConflictError);
      expect(error).toMatchObject({ current: undefined, extensions: { current: null } });
      expect(await tenant.find('a')).toBeUndefined();
    });
  });

  describe('expectations of what is not there', () => {
    it('let a put create under "absent"', async () => {
      const tenant = fixture.tenant();
      expect(await tenant.put('a', {}, { expect: { exists: false } })).toMatchObject({ version: 1, created: true });
    });

    it.each(WRITES.slice(1))('%s that holds for absence still needs the workflow', async (_name, write) => {
      const error = await refusalOf(write(fixture.tenant(), { exists: false }));
      expect(error).toBeInstanceOf(WorkflowNotFoundError);
    });

    it('an old etag does not match a workflow created again', async () => {
      const tenant = fixture.tenant();
      const old = await tenant.put('a', {});
      await tenant.delete('a');
      await tenant.put('a', {});
      const error = await refusalOf(tenant.put('a', {}, { expect: { etags: [etagOf(old)] } }));
      expect(error).toBeInstanceOf(VersionConflictError);
    });
  });
}
