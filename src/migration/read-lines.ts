import { StringDecoder } from 'node:string_decoder';

/** A line is longer than the limit. */
export class LineTooLongError extends Error {}

/**
 * Lines of a stream of bytes. A last line without a line break counts too. Each chunk is decoded when it arrives: to
 * decode a line of 32 MB at its end would take a tenth of a second.
 */
export async function* readLines(chunks: AsyncIterable<Uint8Array>, maxBytes: number): AsyncGenerator<string> {
  const decoder = new StringDecoder('utf8');
  let line = '';
  let bytes = 0;
  const count = (more: number) => {
    bytes += more;
    if (bytes > maxBytes) throw new LineTooLongError(`a line has more than ${maxBytes} bytes`);
  };
  for await (const chunk of chunks) {
    // A decoder takes buffers, of which this is a view.
    const buffer = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    let start = 0;
    for (let end = buffer.indexOf(10); end >= 0; end = buffer.indexOf(10, start)) {
      count(end - start);
      const whole = line + decoder.end(buffer.subarray(start, end));
      line = '';
      bytes = 0;
      start = end + 1;
      yield whole;
    }
    if (start < buffer.length) {
      count(buffer.length - start);
      line += decoder.write(buffer.subarray(start));
    }
  }
  if (bytes > 0) yield line + decoder.end();
}
