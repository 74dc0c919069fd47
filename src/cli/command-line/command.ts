import type { ParseArgsConfig } from 'node:util';
import type { ExitCode } from './exit-code.js';
import type { Given } from './given.js';
import type { Output } from './output.js';

/** Where a command runs. */
export interface Terminal {
  /** Data; stdout. */
  readonly output: Output;
  /** A line for people; stderr. */
  note(line: string): void;
  /** Everything on stdin. */
  readInput(): Promise<string>;
  /** Called for each SIGTERM and SIGINT, which then do not end the process. */
  onStop(listener: () => void): void;
  /** stdin as it comes. */
  readonly input: AsyncIterable<Uint8Array>;
  /** One line on stderr that is written over again and again; absent where stderr is no screen. */
  status?(line: string): void;
  /** The output is a screen, which can be cleared. */
  readonly isScreen: boolean;
}

export interface Command {
  readonly name: string;
  readonly summary: string;
  /** All of its help, below the usage line. */
  readonly usage: string;
  readonly help: string;
  readonly options: NonNullable<ParseArgsConfig['options']>;
  run(given: Given, terminal: Terminal): Promise<ExitCode>;
}
