/** A `test` operation failed. Nothing was applied. */
export class PatchTestFailedError extends Error {
  constructor(
    /** Index of the operation in the patch. */
    readonly index: number,
    readonly pointer: string,
  ) {
    super(`the value at "${pointer}" is not equal to the tested value`);
    this.name = 'PatchTestFailedError';
  }
}

/** The patch is malformed, or an operation has no valid target. Nothing was applied. */
export class PatchInvalidError extends Error {
  constructor(
    /** Index of the operation in the patch; null when the patch as a whole is invalid. */
    readonly index: number | null,
    message: string,
    readonly pointer?: string,
  ) {
    super(message);
    this.name = 'PatchInvalidError';
  }
}
