import { JsonText, toJson, type Handler } from '../../client/index.js';
import { OutputClosedError, type Output } from '../command-line/output.js';

/** Prints each task as a JSON line, without its lease token. */
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

/** A line break in JSON text stands between tokens, so a space is equivalent. */
function inOneLine({ text }: JsonText): JsonText {
  return new JsonText(text.replaceAll(/[\r\n]+/g, ' '));
}
