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

const URL_HELP = '  --url <url>            address of the service; default: WAYMARK_URL, else http://127.0.0.1:3000\n';
const COMMON_HELP = `  --help                 print this text

Settings also come from the file .env of the working directory (ENV_FILE); the environment wins.
Exit codes: 0 success, 1 refused or a check failed, 2 invalid command line, 3 service or Redis unreachable.
`;

export function helpOf({ usage, summary, help, example, isWithoutService }: Command): string {
  const options = `${isWithoutService ? '' : URL_HELP}${COMMON_HELP}`;
  return `usage: ${usage}\nexample: waymark ${example}\n\n${summary}.\n\n${help}\n\n${options}`;
}

export function overview(): string {
  const lines = COMMANDS.map(({ name, summary }) => `  ${name.padEnd(10)}${summary}`);
  return `usage: waymark <command> [options]\n\n${lines.join('\n')}\n\nRun waymark <command> --help for details, waymark --version for the version.\n`;
}
