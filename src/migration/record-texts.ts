import { CharacterTurns, CHARACTERS_PER_TURN } from '../engine/character-turns.js';
import type { RecordLine } from './lines.js';

/**
 * A record as JSON, in pieces that are made in different turns of the event loop: the versions of a workflow may have
 * many megabytes of states.
 */
export async function* textsOfRecord(record: RecordLine): AsyncGenerator<string> {
  if (record.kind !== 'workflow' || !isLong(record.history)) {
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

function isLong(history: readonly { readonly state: string }[]): boolean {
  return history.reduce((sum, { state }) => sum + state.length, 0) >= CHARACTERS_PER_TURN;
}
