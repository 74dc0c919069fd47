import { JsonText, toJson, type Handler } from '../../client/index.js';
import { OutputClosedError, type Output } from '../command-line/output.js';

/** Each task as one line of JSON. Its token is nobody's business, and of no use once the task is done. */
export function printHandler(output: Output, onClosed: () => void): Handler {
  return async ({ payloadText, leaseToken: _token, leaseExpiresAt: _end, ...task }) => {
    try {
      await output.line(toJson({ ...task, payload: inOneLine(payloadText) }));
      return null;
    } catch (error) {
      if (error instanceof OutputClosedError) onClosed();
      throw error;
    }
  };
}

/** In JSON text a line break can only stand between tokens, where a space says the same. */
function inOneLine({ text }: JsonText): JsonText {
  return new JsonText(text.replaceAll(/[\r\n]+/g, ' '));
}
