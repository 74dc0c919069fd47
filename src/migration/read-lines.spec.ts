import { describe, expect, it } from '@jest/globals';
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

  it('refuses a line that is too long, wherever it ends', async () => {
    await expect(lines(['12345678901\n'], 10)).rejects.toThrow(LineTooLongError);
    await expect(lines(['123456', '78901'], 10)).rejects.toThrow(LineTooLongError);
    expect(await lines(['1234567890\n', '1234567890'], 10)).toHaveLength(2);
  });
});
