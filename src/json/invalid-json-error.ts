/** Why a text is refused: it is not JSON (`syntax`), or cannot be kept exactly or handled safely. */
export type JsonRefusal = 'syntax' | 'depth' | 'duplicate-key' | 'number' | 'surrogate' | 'too-many-keys';

/** The message is shown to the client. */
export class InvalidJsonError extends Error {
  constructor(
    readonly reason: JsonRefusal,
    message: string,
    /** JSON Pointer (RFC 6901) to the error. */
    readonly pointer: string,
    /** Offset in the text, in UTF-16 code units. */
    readonly offset: number,
  ) {
    super(message);
    this.name = 'InvalidJsonError';
  }
}
