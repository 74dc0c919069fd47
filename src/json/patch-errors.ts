/** A `test` operation did not hold. Nothing was applied. */
export class PatchTestFailedError extends Error {
  constructor(
    /** Of the operation in the patch. */
    readonly index: number,
    readonly pointer: string,
  ) {
    super(`the value at "${pointer}" is not the expected one`);
    this.name = 'PatchTestFailedError';
  }
}

/** The patch is malformed, or an operation has no place to go. Nothing was applied. */
export class PatchInvalidError extends Error {
  constructor(
    /** Of the operation in the patch; null when the patch as a whole is at fault. */
    readonly index: number | null,
    message: string,
    readonly pointer?: string,
  ) {
    super(message);
    this.name = 'PatchInvalidError';
  }
}
