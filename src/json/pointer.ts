/** The text is not a JSON Pointer (RFC 6901). */
export class InvalidPointerError extends Error {
  constructor(
    readonly pointer: string,
    message: string,
  ) {
    super(message);
    this.name = 'InvalidPointerError';
  }
}

/**
 * The reference tokens of an RFC 6901 pointer: `/a~1b/0` gives `['a/b', '0']`; an empty pointer is the whole document.
 * @throws InvalidPointerError
 */
export function parsePointer(text: string): string[] {
  if (text === '') return [];
  if (!text.startsWith('/')) throw new InvalidPointerError(text, 'a JSON Pointer must be empty or start with "/"');
  if (/~(?![01])/.test(text)) throw new InvalidPointerError(text, 'a "~" in a JSON Pointer must be followed by 0 or 1');
  return text
    .slice(1)
    .split('/')
    .map((token) => token.replaceAll('~1', '/').replaceAll('~0', '~'));
}

export function formatPointer(tokens: readonly string[]): string {
  return tokens.map((token) => `/${escapeToken(token)}`).join('');
}

export function escapeToken(token: string): string {
  return token.replaceAll('~', '~0').replaceAll('/', '~1');
}

/** The array index of a token. Leading zeros are not allowed, so that each item has exactly one pointer. */
export function arrayIndex(token: string): number | undefined {
  if (!/^(?:0|[1-9][0-9]{0,14})$/.test(token)) return undefined;
  return Number(token);
}
