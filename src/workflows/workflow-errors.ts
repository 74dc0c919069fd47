import { ServiceError } from '../service-error.js';

export class WorkflowExistsError extends ServiceError {
  readonly code = 'ALREADY_EXISTS';

  constructor(id: string) {
    super(`Workflow ${id} already exists; nothing was changed`);
  }
}

export class VersionNotFoundError extends ServiceError {
  readonly code = 'VERSION_NOT_FOUND';

  constructor(id: string, version: number | string) {
    super(`Workflow ${id} never had a version ${version}`);
  }
}

export class VersionPrunedError extends ServiceError {
  readonly code = 'VERSION_PRUNED';
  override readonly extensions: Readonly<Record<string, unknown>>;

  constructor(id: string, version: number, oldest: number) {
    super(`Version ${version} of workflow ${id} is no longer kept; the oldest kept version is ${oldest}`);
    this.extensions = { oldest };
  }
}

export class SectionNotFoundError extends ServiceError {
  readonly code = 'SECTION_NOT_FOUND';

  constructor(sectionId: string) {
    super(`state.sections has no entry whose id or section_id is ${sectionId}`);
  }
}

export class StatusConflictError extends ServiceError {
  readonly code = 'STATUS_CONFLICT';
  override readonly extensions: Readonly<Record<string, unknown>>;

  constructor(current: unknown, from: readonly string[]) {
    super(`Status is ${JSON.stringify(current)}; expected: ${from.join(', ')}`);
    this.extensions = { current };
  }
}

/** The state has the wrong shape for a document operation. */
export class StateShapeError extends ServiceError {
  readonly code = 'STATE_SHAPE_CONFLICT';

  constructor(place: string, needed: string) {
    super(`${place} is not ${needed}, which this operation needs; nothing was changed`);
  }
}

export class PatchFailedError extends ServiceError {
  readonly code = 'PATCH_TEST_FAILED';
  override readonly extensions: Readonly<Record<string, unknown>>;

  constructor(index: number, pointer: string, options: ErrorOptions) {
    super(`Operation ${index}: the value at "${pointer}" differs from the tested value; nothing was applied`, options);
    this.extensions = { index, pointer };
  }
}

export class PatchNotApplicableError extends ServiceError {
  readonly code = 'PATCH_INVALID';
  override readonly extensions: Readonly<Record<string, unknown>>;

  constructor(index: number | null, message: string, options?: ErrorOptions) {
    super(`${index === null ? '' : `Operation ${index}: `}${message}; nothing was applied`, options);
    this.extensions = { index };
  }
}
