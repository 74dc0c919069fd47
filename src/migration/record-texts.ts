import { CharacterTurns, CHARACTERS_PER_TURN } from '../engine/character-turns.js';
import { sizeOfRecord } from '../engine/moving/arrival.js';
import type { Damaged, Moved } from '../engine/moving/moved.js';

/**
 * A record as JSON, in consecutive pieces. The versions of a workflow may have many megabytes of states, so the pieces
 * are made in different turns of the event loop.
 */
export async function* textsOfRecord(record: (Moved | Damaged) & { readonly tenant: string }): AsyncGenerator<string> {
  if (record.kind !== 'workflow' || sizeOfRecord(record) < CHARACTERS_PER_TURN) {
    yield JSON.stringify(record);
    return;
  }
  const { history, ...rest } = record;
  const turns = new CharacterTurns();
  let before = `${JSON.stringify(rest).slice(0, -1)},"history":[`;
  for (const version of history) {
    await turns.spend(version.state.length);
    yield before + JSON.stringify(version);
    before = ',';
  }
  yield ']}';
}
