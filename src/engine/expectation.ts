import type { Expect, Part } from './commit.js';
import { VersionConflictError, WorkflowNotFoundError } from './errors.js';
import { etagOf, type WorkflowMeta } from './records/workflow-meta.js';

/** Whether an expectation holds for the current version. */
export function meets(expect: Expect, current: WorkflowMeta | undefined): boolean {
  if ('exists' in expect) return expect.exists === (current !== undefined);
  if (current === undefined) return false;
  if ('version' in expect) return expect.version === current.version;
  if ('incarnation' in expect) return expect.incarnation === current.incarnation;
  return expect.etags.includes(etagOf(current));
}

/**
 * Refuses a part whose expectation does not hold, or that changes a workflow which does not exist.
 * @throws VersionConflictError @throws WorkflowNotFoundError
 */
export function demand<T extends WorkflowMeta>(
  part: Part,
  index: number,
  { id, expect }: { readonly id: string; readonly expect?: Expect },
  current: T | undefined,
): void {
  if (expect !== undefined && !meets(expect, current)) throw new VersionConflictError({ part, index }, id, current);
  if (current === undefined && part !== 'puts') throw new WorkflowNotFoundError(id, { part, index });
}
