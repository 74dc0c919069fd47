import { Readable, Writable } from 'node:stream';
import type { Terminal } from '../../src/cli/command-line/command.js';
import { built } from '../support/built-service.js';

/** Runs a command line of the build in this process and gives its output. */
export async function runHere(
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
  input = '',
  more: Pick<Terminal, 'status'> = {},
) {
  type CommandLine = typeof import('../../src/cli/command-line/run-command.js');
  const { runCommand } = await built<CommandLine>('cli/command-line/run-command.js');
  const { Output } = await built<typeof import('../../src/cli/command-line/output.js')>('cli/command-line/output.js');
  let stdout = '';
  const notes: string[] = [];
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      stdout += chunk.toString();
      done();
    },
  });
  const terminal: Terminal = {
    output: new Output(stream),
    note: (line) => notes.push(line),
    readInput: async () => input,
    onStop: () => undefined,
    input: Readable.from(input === '' ? [] : [Buffer.from(input)]),
    isScreen: false,
    ...more,
  };
  const code = await runCommand(args, env, terminal);
  return { code, stdout, stderr: notes.join('\n') };
}
