/** Why a text was refused: it is not JSON (`syntax`), or it is JSON that cannot be kept faithfully or safely. */
export type JsonRefusal = 'syntax' | 'depth' | 'duplicate-key' | 'number' | 'surrogate' | 'too-many-keys';

/** The message is written for whoever sent the text. */
export class InvalidJsonError extends Error {
  constructor(
    readonly reason: JsonRefusal,
    message: string,
    /** JSON Pointer (RFC 6901) to the place. */
    readonly pointer: string,
    /** Where in the text, in UTF-16 code units. */
    readonly offset: number,
  ) {
    super(message);
    this.name = 'InvalidJsonError';
  }
}
