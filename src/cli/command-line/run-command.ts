import { parseArgs } from 'node:util';
import { distanceOf, nearestOf } from '../../config/nearest.js';
import { ProblemError, UnreachableError } from '../../client/index.js';
import { COMMANDS, helpOf, overview } from '../commands/commands.js';
import { type Command, EXIT, type ExitCode, type Terminal } from './command.js';
import { Given, UsageError } from './given.js';
import { OutputClosedError } from './output.js';

const MAX_TYPOS = 2;
const COMMON_OPTIONS = { url: { type: 'string' }, help: { type: 'boolean', short: 'h' } } as const;

/** Runs the command that the arguments name. */
export async function runCommand(
  [name, ...rest]: readonly string[],
  env: NodeJS.ProcessEnv,
  terminal: Terminal,
): Promise<ExitCode> {
  const command = COMMANDS.find((known) => known.name === name);
  try {
    if (command !== undefined) return await run(command, rest, env, terminal);
    if (name === '--version') {
      // Loaded lazily: it reads package.json.
      const { VERSION } = await import('../../version.js');
      await terminal.output.line(VERSION);
      return EXIT.ok;
    }
    if (name === 'help' || name === '--help' || name === '-h') {
      await terminal.output.text(overview());
      return EXIT.ok;
    }
    throw new UsageError(
      name === undefined
        ? 'a command is missing'
        : `${name}: no such command${suggestion(
            name,
            COMMANDS.map((one) => one.name),
          )}`,
    );
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
    const { message } = error as Error;
    const unknown = /^Unknown option '--([^']+)'/.exec(message)?.[1];
    const known = Object.keys({ ...options, ...COMMON_OPTIONS });
    throw new UsageError(
      unknown === undefined ? message : `Unknown option '--${unknown}'${suggestion(unknown, known, '--')}`,
      { cause: error },
    );
  }
}

function suggestion(name: string, known: readonly string[], prefix = ''): string {
  const nearest = nearestOf(name, known);
  return distanceOf(name, nearest) <= MAX_TYPOS ? `; did you mean ${prefix}${nearest}?` : '';
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
