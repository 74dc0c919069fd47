import { adoptCommand } from './adopt.command.js';
import type { Command } from '../command-line/command.js';
import { doctorCommand } from './doctor.command.js';
import { exportCommand } from './export.command.js';
import { importCommand } from './import.command.js';
import { inspectCommand } from './inspect.command.js';
import { migrateCommand } from './migrate.command.js';
import { produceCommand } from './produce.command.js';
import { publishCommand } from './publish.command.js';
import { smokeCommand } from './smoke.command.js';
import { watchCommand } from './watch.command.js';
import { workerCommand } from './worker.command.js';

export const COMMANDS: readonly Command[] = [
  workerCommand,
  produceCommand,
  inspectCommand,
  publishCommand,
  watchCommand,
  smokeCommand,
  doctorCommand,
  migrateCommand,
  exportCommand,
  importCommand,
  adoptCommand,
];

const COMMON_HELP = `
  --url <url>            where the service is; WAYMARK_URL, or http://127.0.0.1:3000
  --help                 this text

Exit codes: 0 all well, 1 refused or a check failed, 2 wrong command line, 3 nobody answers at the URL.
`;

export function helpOf({ usage, summary, help }: Command): string {
  return `usage: ${usage}\n\n${summary}. ${help}\n${COMMON_HELP}`;
}

export function overview(): string {
  const lines = COMMANDS.map(({ name, summary }) => `  ${name.padEnd(10)}${summary}`);
  return `usage: waymark <command> [options]\n\n${lines.join('\n')}\n\nwaymark <command> --help says more; waymark --version which it is.\n`;
}
