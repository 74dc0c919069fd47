import { damageText, type DamagedLine } from '../../migration/lines.js';
import { EXIT, type ExitCode, type Terminal } from './command.js';

/** Prints each damaged record that a command meets, and counts them. */
export class DamageReport {
  #count = 0;

  constructor(private readonly terminal: Terminal) {}

  readonly add = (line: DamagedLine): void => {
    this.#count++;
    this.terminal.note(`damaged: ${damageText(line)}`);
  };

  /** The exit code of a command that is otherwise done. */
  end(result: string): ExitCode {
    if (this.#count === 0) return EXIT.ok;
    this.terminal.note(
      `waymark: ${result} lacks ${this.#count} damaged ${this.#count === 1 ? 'record' : 'records'}; see above`,
    );
    return EXIT.damaged;
  }
}
