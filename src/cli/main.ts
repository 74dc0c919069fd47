#!/usr/bin/env node
import { text } from 'node:stream/consumers';
import { environmentOf } from '../config/env-file.js';
import { EXIT, type Terminal } from './command-line/command.js';
import { Output } from './command-line/output.js';
import { runCommand } from './command-line/run-command.js';
import { StatusLine } from './command-line/status-line.js';

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

const status = process.stderr.isTTY ? new StatusLine(process.stderr) : undefined;
const terminal: Terminal = {
  output: new Output(process.stdout),
  note: (line) => (status === undefined ? void process.stderr.write(`${line}\n`) : status.note(line)),
  readInput: () => text(process.stdin),
  onStop(listener) {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, listener);
  },
  input: process.stdin,
  ...(status && { status: (line: string) => status.show(line) }),
  isScreen: process.stdout.isTTY,
};
process.exitCode = await runCommand(process.argv.slice(2), environment(), terminal);
