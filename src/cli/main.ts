#!/usr/bin/env node
import { text } from 'node:stream/consumers';
import { Output } from './output.js';
import { runCommand } from './run-command.js';

// A stderr that nobody reads any more is no reason to fail.
process.stderr.on('error', () => undefined);

process.exitCode = await runCommand(process.argv.slice(2), process.env, {
  output: new Output(process.stdout),
  note: (line) => void process.stderr.write(`${line}\n`),
  readInput: () => text(process.stdin),
  onStop(listener) {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, listener);
  },
  isScreen: process.stdout.isTTY,
});
