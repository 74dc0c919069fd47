import { StringDecoder } from 'node:string_decoder';
import { describe, expect, it, jest } from '@jest/globals';
import { LineTooLongError, readLines } from './read-lines.js';

async function lines(chunks: readonly string[], maxBytes = 100): Promise<string[]> {
  const found: string[] = [];
  const bytes = (async function* () {
    for (const chunk of chunks) yield Buffer.from(chunk, 'latin1');
  })();
  for await (const line of readLines(bytes, maxBytes)) found.push(line);
  return found;
}

describe('readLines', () => {
  it('finds the same lines however the bytes are split', async () => {
    const text = Buffer.from('eins\n\nzwei ä\n€ drei').toString('latin1');
    for (let size = 1; size <= text.length; size++) {
      const chunks = Array.from({ length: Math.ceil(text.length / size) }, (_, i) =>
        text.slice(i * size, (i + 1) * size),
      );
      expect(await lines(chunks)).toEqual(['eins', '', 'zwei ä', '€ drei']);
    }
    expect(await lines(['a\n'])).toEqual(['a']);
    expect(await lines([])).toEqual([]);
  });

  it('decodes each chunk when it arrives', async () => {
    const sizes: number[] = [];
    const methods = ['write', 'end'] as const;
    const spies = methods.map((method) => {
      const original = StringDecoder.prototype[method];
      return jest.spyOn(StringDecoder.prototype, method).mockImplementation(function (this: StringDecoder, bytes) {
        sizes.push((bytes as Buffer | undefined)?.length ?? 0);
        return original.call(this, bytes as Buffer);
      });
    });
    const chunks = Array.from({ length: 100 }, () => 'x'.repeat(1000));
    const found = await lines([...chunks, '\n'], 100_000);
    for (const spy of spies) spy.mockRestore();
    expect(found).toEqual([chunks.join('')]);
    expect(Math.max(...sizes)).toBe(1000);
    expect(sizes.reduce((sum, size) => sum + size)).toBe(100_000);
  });

  it('refuses a line that is too long, wherever it ends', async () => {
    await expect(lines(['12345678901\n'], 10)).rejects.toThrow(LineTooLongError);
    await expect(lines(['123456', '78901'], 10)).rejects.toThrow(LineTooLongError);
    expect(await lines(['1234567890\n', '1234567890'], 10)).toHaveLength(2);
  });
});
