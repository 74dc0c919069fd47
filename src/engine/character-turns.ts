import { setImmediate } from 'node:timers/promises';

/** Characters of states that one turn of the event loop reads or edits. */
export const CHARACTERS_PER_TURN = 256 * 1024;

/** Divides work on states among turns of the event loop. */
export class CharacterTurns {
  #spent = 0;

  /** Waits for the next turn, if the work of this one is enough. */
  async spend(characters: number): Promise<void> {
    this.#spent += characters;
    if (this.#spent < CHARACTERS_PER_TURN) return;
    this.#spent = 0;
    await setImmediate();
  }
}
