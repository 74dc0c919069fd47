import type { Given, Use } from './given.js';
import type { Output } from './output.js';

/** Exit codes; docs/worker-kit.md lists them. */
export const EXIT = {
  ok: 0,
  /** A request was refused, or a check failed. */
  failed: 1,
  /** Invalid command line; nothing was done. */
  usage: 2,
  /** The service, or Redis, is unreachable. */
  unreachable: 3,
  /** Done, but damaged records are missing in the result. */
  damaged: 4,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** Input, output and signals of a command. */
export interface Terminal {
  /** Data, to stdout. */
  readonly output: Output;
  /** A line for humans, to stderr. */
  note(line: string): void;
  /** Everything on stdin. */
  readInput(): Promise<string>;
  /** Calls the listener on SIGTERM and SIGINT instead of ending the process. */
  onStop(listener: () => void): void;
  /** stdin as a stream. */
  readonly input: AsyncIterable<Uint8Array>;
  /** Overwrites one line on stderr; absent if stderr is not a terminal. */
  status?(line: string): void;
  /** stdout is a terminal, which can be cleared. */
  readonly isScreen: boolean;
}

export interface Command {
  readonly name: string;
  readonly summary: string;
  readonly usage: string;
  /** Printed below the usage line and the summary. */
  readonly help: string;
  /** A command line that works, without `waymark`. */
  readonly example: string;
  /** Further ones, for commands that do several things. */
  readonly moreExamples?: readonly string[];
  /** The command calls no service, so its help has no --url. */
  readonly isWithoutService?: true;
  /** `data` when absent. */
  readonly use?: Use;
  /** Names of the options with a value, and of those without. */
  readonly texts?: readonly string[];
  readonly flags?: readonly string[];
  /** Arguments that are no options; 0 when absent. */
  readonly maxWords?: number;
  run(given: Given, terminal: Terminal): Promise<ExitCode>;
}
