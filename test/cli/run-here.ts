import { Readable, Writable } from 'node:stream';
import type { Terminal } from '../../src/cli/command-line/command.js';
import { Output } from '../../src/cli/command-line/output.js';
import { runCommand } from '../../src/cli/command-line/run-command.js';

/** Runs a command line in this process and gives its output. */
export async function runHere(args: readonly string[], env: NodeJS.ProcessEnv = {}, input = '') {
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
    input: Readable.from([]),
    isScreen: false,
  };
  const code = await runCommand(args, env, terminal);
  return { code, stdout, stderr: notes.join('\n') };
}
