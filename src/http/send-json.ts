import type { FastifyReply } from 'fastify';

const JSON_TYPE = 'application/json; charset=utf-8';

/** Characters. Longer texts are joined as bytes. */
const LARGE_CHARACTERS = 16 * 1024;

/** Sends JSON text, given in consecutive pieces. */
export function sendJson(reply: FastifyReply, status: number, ...texts: readonly string[]): void {
  const length = texts.reduce((sum, text) => sum + text.length, 0);
  void reply
    .status(status)
    .header('content-type', JSON_TYPE)
    .send(length < LARGE_CHARACTERS ? texts.join('') : bytesOf(texts));
}

/** Joins texts as bytes. Joined as text, a large state would be copied, measured and encoded again. */
function bytesOf(texts: readonly string[]): Buffer {
  const bytes = Buffer.allocUnsafe(texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0));
  let end = 0;
  for (const text of texts) end += bytes.write(text, end);
  return bytes;
}
