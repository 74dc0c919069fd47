#!/usr/bin/env node
import { text } from 'node:stream/consumers';
import { environmentOf } from '../config/env-file.js';
import { EXIT } from './command-line/command.js';
import { Output } from './command-line/output.js';
import { runCommand } from './command-line/run-command.js';

// Ignore EPIPE on stderr.
process.stderr.on('error', () => undefined);

function environment(): NodeJS.ProcessEnv {
  try {
    return environmentOf(process.env);
  } catch (error) {
    process.stderr.write(`waymark: ${(error as Error).message}\n`);
    process.exit(EXIT.usage);
  }
}

process.exitCode = await runCommand(process.argv.slice(2), environment(), {
  output: new Output(process.stdout),
  note: (line) => void process.stderr.write(`${line}\n`),
  readInput: () => text(process.stdin),
  onStop(listener) {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, listener);
  },
  input: process.stdin,
  ...(process.stderr.isTTY && {
    status: (line: string) =>
      void process.stderr.write(`\r\u001b[K${line.slice(0, (process.stderr.columns || 80) - 1)}`),
  }),
  isScreen: process.stdout.isTTY,
});
