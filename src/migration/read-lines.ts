/** A line is longer than the limit. */
export class LineTooLongError extends Error {}

/** Lines of a stream of bytes. A last line without a line break counts too. */
export async function* readLines(chunks: AsyncIterable<Uint8Array>, maxBytes: number): AsyncGenerator<string> {
  let parts: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of chunks) {
    let start = 0;
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, start)) {
      parts.push(chunk.subarray(start, end));
      if (length + end - start > maxBytes) throw new LineTooLongError(`a line has more than ${maxBytes} bytes`);
      yield decode(parts);
      parts = [];
      length = 0;
      start = end + 1;
    }
    if (start < chunk.length) {
      parts.push(chunk.subarray(start));
      length += chunk.length - start;
      if (length > maxBytes) throw new LineTooLongError(`a line has more than ${maxBytes} bytes`);
    }
  }
  if (length > 0) yield decode(parts);
}

function decode(parts: readonly Uint8Array[]): string {
  return Buffer.concat(parts).toString('utf8');
}
