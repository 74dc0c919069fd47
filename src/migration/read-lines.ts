/** A line is longer than the reader takes. */
export class LineTooLongError extends Error {}

/** The lines of a stream of bytes, none kept for longer than it takes to show it. A last one without its end is a line too. */
export async function* readLines(chunks: AsyncIterable<Uint8Array>, longest: number): AsyncGenerator<string> {
  let parts: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of chunks) {
    let start = 0;
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, start)) {
      parts.push(chunk.subarray(start, end));
      if (length + end - start > longest) throw new LineTooLongError(`a line has more than ${longest} bytes`);
      yield textOf(parts);
      parts = [];
      length = 0;
      start = end + 1;
    }
    if (start < chunk.length) {
      parts.push(chunk.subarray(start));
      length += chunk.length - start;
      if (length > longest) throw new LineTooLongError(`a line has more than ${longest} bytes`);
    }
  }
  if (length > 0) yield textOf(parts);
}

function textOf(parts: readonly Uint8Array[]): string {
  return Buffer.concat(parts).toString('utf8');
}
