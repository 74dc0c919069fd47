#!/usr/bin/env node
import { text } from 'node:stream/consumers';
import { Output } from './command-line/output.js';
import { runCommand } from './command-line/run-command.js';

// A stderr that nobody reads any more is no reason to fail.
process.stderr.on('error', () => undefined);

process.exitCode = await runCommand(process.argv.slice(2), process.env, {
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
