import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { NO_KEYS } from '../../test/support/keyrings.js';
import type { Moving } from '../engine/moving/moving.js';
import { Importer } from './importer.js';
import { headerOf, textOfLine } from './lines.js';

describe('The importer', () => {
  afterEach(() => void jest.restoreAllMocks());

  it('reports a line with a million values, and does not parse it', async () => {
    const parse = jest.spyOn(JSON, 'parse');
    const importer = new Importer({} as Moving, { onConflict: 'skip', isDryRun: false, keyring: NO_KEYS });
    const lines = [textOfLine(headerOf(1, ['default'])), `{"kind":"workflow","x":[${'[],'.repeat(1_000_000)}1]}`];
    const { problems } = await importer.take(
      (async function* () {
        yield* lines;
      })(),
    );
    expect(problems[0]).toEqual({
      line: 2,
      message: 'it has more than 100000 values outside of texts; no record has as many',
    });
    expect(Math.max(...parse.mock.calls.map(([text]) => text.length))).toBeLessThan(1000);
  });
});
