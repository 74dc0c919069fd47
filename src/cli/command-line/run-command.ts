import { parseArgs } from 'node:util';
import { ProblemError, UnreachableError } from '../../client/index.js';
import { COMMANDS, helpOf, overview } from '../commands/commands.js';
import type { Command, Terminal } from './command.js';
import { EXIT, type ExitCode } from './exit-code.js';
import { Given } from './given.js';
import { OutputClosedError } from './output.js';
import { UsageError } from './usage-error.js';

const COMMON_OPTIONS = { url: { type: 'string' }, help: { type: 'boolean', short: 'h' } } as const;

/** Runs the command that the arguments name, and says how it went. */
export async function runCommand(
  [name, ...rest]: readonly string[],
  env: NodeJS.ProcessEnv,
  terminal: Terminal,
): Promise<ExitCode> {
  const command = COMMANDS.find((known) => known.name === name);
  try {
    if (command !== undefined) return await run(command, rest, env, terminal);
    if (name === '--version') {
      // Read only when it is asked for: it lies in another file.
      const { VERSION } = await import('../../version.js');
      await terminal.output.line(VERSION);
      return EXIT.ok;
    }
    if (name === 'help' || name === '--help' || name === '-h') {
      await terminal.output.text(overview());
      return EXIT.ok;
    }
    throw new UsageError(name === undefined ? 'a command is missing' : `${name}: no such command`);
  } catch (error) {
    return explain(error, command, terminal);
  }
}

async function run(
  command: Command,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  terminal: Terminal,
): Promise<ExitCode> {
  const { values, positionals } = parsed(command, args);
  if (values['help'] === true) {
    await terminal.output.text(helpOf(command));
    return EXIT.ok;
  }
  return command.run(new Given(values, positionals, env), terminal);
}

/** @throws UsageError */
function parsed({ options }: Command, args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: { ...options, ...COMMON_OPTIONS }, allowPositionals: true });
  } catch (error) {
    throw new UsageError((error as Error).message, { cause: error });
  }
}

function explain(error: unknown, command: Command | undefined, { note }: Terminal): ExitCode {
  if (error instanceof OutputClosedError) return EXIT.ok;
  if (error instanceof UsageError) {
    note(`waymark: ${error.message}`);
    note(command === undefined ? overview().trimEnd() : `usage: ${command.usage}`);
    return EXIT.usage;
  }
  if (error instanceof UnreachableError) {
    note(`waymark: ${error.message}`);
    return EXIT.unreachable;
  }
  if (error instanceof ProblemError) {
    note(`waymark: ${error.message}`);
    return EXIT.failed;
  }
  note(`waymark: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
  return EXIT.failed;
}
