/** A terminal, or what stands for it in a test. */
export interface Screen {
  readonly columns?: number;
  write(text: string): unknown;
}

const DEFAULT_COLUMNS = 80;
const ERASE_LINE = '\r\u001b[K';

/** The last line of a terminal, which is overwritten. Other lines appear above it. */
export class StatusLine {
  #shown = '';

  constructor(private readonly screen: Screen) {}

  /** Empty to remove the line. */
  show(text: string): void {
    if (text === '' && this.#shown === '') return;
    // A longer line would wrap, and only its last row would be overwritten.
    this.#shown = text.slice(0, (this.screen.columns || DEFAULT_COLUMNS) - 1);
    this.screen.write(ERASE_LINE + this.#shown);
  }

  note(line: string): void {
    const isShown = this.#shown !== '';
    this.screen.write(`${isShown ? ERASE_LINE : ''}${line}\n${this.#shown}`);
  }
}
