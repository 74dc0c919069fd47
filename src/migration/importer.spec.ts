import { setImmediate as nextTurn } from 'node:timers/promises';
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
    const large = `{"kind":"workflow","x":[${'[],'.repeat(1_000_000)}1]}`;
    async function* lines(...texts: string[]) {
      yield* texts;
    }
    const refusal: unknown = await importer.take(lines(large)).catch((error: unknown) => error);
    const { problems } = await importer.take(lines(textOfLine(headerOf(1, ['default'])), large));
    // An `expect` that makes an error has jest parse the source map of this file.
    const sizes = parse.mock.calls.map(([text]) => text.length);
    expect(refusal).toBeInstanceOf(Error);
    expect((refusal as Error).message).toContain('more than 100000 values');
    expect(problems[0]).toEqual({
      line: 3,
      message: 'it has more than 100000 values outside of texts; no record has as many',
    });
    expect(Math.max(...sizes)).toBeLessThan(1000);
  });

  it('checks a long history over several turns of the event loop', async () => {
    const state = JSON.stringify('x'.repeat(600_000));
    const version = {
      check: '',
      updatedAtMs: 1,
      deadlineMs: null,
      about: { by: 'a', cause: 'put', changed: null },
      state,
    };
    const workflow = {
      ...version,
      kind: 'workflow',
      id: 'long',
      incarnation: 'i',
      version: 9,
      createdAtMs: 1,
      ttlMs: null,
      history: Array.from({ length: 8 }, (_, i) => ({ ...version, version: 8 - i })),
    };
    const putAll = jest.fn((_tenant: string, arrivals: readonly unknown[]) =>
      Promise.resolve(arrivals.map(() => 'created')),
    );
    const moving = { putAll } as unknown as Moving;
    const importer = new Importer(moving, { onConflict: 'skip', isDryRun: false, keyring: NO_KEYS });
    const taken = importer.take(
      (async function* () {
        yield textOfLine(headerOf(1, ['default']));
        yield JSON.stringify(workflow);
      })(),
    );
    let turns = 0;
    while ((await Promise.race([taken, nextTurn('turn')])) === 'turn') turns++;
    // One before and one after the line is parsed, and one after each version of the history.
    expect(turns).toBeGreaterThanOrEqual(10);
    expect((await taken).counts.created).toBe(1);
    expect(putAll.mock.calls[0]?.[1]).toMatchObject([{ record: { id: 'long', history: { length: 8 } } }]);
  });
});
