import { parseArgs, type ParseArgsConfig } from 'node:util';
import { distanceOf, nearestOf } from '../../config/nearest.js';
import { ForbiddenError, ProblemError, UnauthenticatedError, UnreachableError } from '../../client/index.js';
import { COMMANDS, helpOf, overview, takesTenant } from '../commands/commands.js';
import { type Command, EXIT, type ExitCode, type Terminal } from './command.js';
import { findCredential } from './credential.js';
import { Given, UsageError } from './given.js';
import { OutputClosedError } from './output.js';

const MAX_TYPOS = 2;

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
    if (name === undefined) throw new UsageError('a command is missing');
    const known = COMMANDS.map((one) => one.name);
    throw new UsageError(`${name}: no such command${suggestion(name, known)}`);
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
  const given = new Given(values, positionals, env, command.use ?? 'data');
  given.noWords(command.maxWords);
  try {
    return await command.run(given, terminal);
  } catch (error) {
    if (!(error instanceof UnauthenticatedError || error instanceof ForbiddenError)) throw error;
    terminal.note(`waymark: ${error.message}`);
    terminal.note(`waymark: ${sentCredential(given)}`);
    return EXIT.failed;
  }
}

/** Which credential was refused: the environment can hold several. */
function sentCredential({ env, url, use }: Given): string {
  const source = findCredential(env, url, use)?.source;
  return source === undefined
    ? 'no credential was sent; set WAYMARK_API_KEY, or WAYMARK_API_KEY_FILE to the name of a file with it'
    : `the credential was that of ${source}`;
}

/** @throws UsageError */
function parsed(command: Command, args: readonly string[]) {
  const options: NonNullable<ParseArgsConfig['options']> = {};
  const { texts = [], flags = [] } = command;
  for (const name of [...texts, 'url', ...(takesTenant(command) ? ['tenant'] : [])]) options[name] = { type: 'string' };
  for (const name of flags) options[name] = { type: 'boolean' };
  options['help'] = { type: 'boolean', short: 'h' };
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true });
  } catch (error) {
    const { message } = error as Error;
    const unknown = /^Unknown option '--([^']+)'/.exec(message)?.[1];
    if (unknown === undefined) throw new UsageError(message, { cause: error });
    const nearest = suggestion(unknown, Object.keys(options), '--');
    throw new UsageError(`Unknown option '--${unknown}'${nearest}`, { cause: error });
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
  if (error instanceof UnreachableError || error instanceof ProblemError) {
    note(`waymark: ${error.message}`);
    return error instanceof UnreachableError ? EXIT.unreachable : EXIT.failed;
  }
  note(`waymark: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
  return EXIT.failed;
}
