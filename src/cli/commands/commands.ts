import { adoptCommand } from './adopt.command.js';
import type { Command } from '../command-line/command.js';
import type { Use } from '../command-line/given.js';
import { doctorCommand } from './doctor.command.js';
import { exportCommand } from './export.command.js';
import { importCommand } from './import.command.js';
import { inspectCommand } from './inspect.command.js';
import { keysCommand } from './keys.command.js';
import { limitsCommand } from './limits.command.js';
import { migrateCommand } from './migrate.command.js';
import { produceCommand } from './produce.command.js';
import { publishCommand } from './publish.command.js';
import { repairCommand } from './repair.command.js';
import { smokeCommand } from './smoke.command.js';
import { tenantsCommand } from './tenants.command.js';
import { upgradeCommand } from './upgrade.command.js';
import { watchCommand } from './watch.command.js';
import { whoamiCommand } from './whoami.command.js';
import { workerCommand } from './worker.command.js';

export const COMMANDS: readonly Command[] = [
  workerCommand,
  produceCommand,
  inspectCommand,
  publishCommand,
  watchCommand,
  smokeCommand,
  keysCommand,
  tenantsCommand,
  limitsCommand,
  whoamiCommand,
  doctorCommand,
  migrateCommand,
  exportCommand,
  importCommand,
  repairCommand,
  adoptCommand,
  upgradeCommand,
];

const URL_HELP = '  --url <url>            address of the service; default: WAYMARK_URL, else http://127.0.0.1:3000\n';
const TENANT_HELP = '  --tenant <name>        for operators: tenant to work in; default: that of the credential\n';
const CREDENTIAL_HELP: Readonly<Record<Use, string>> = {
  data: `The command sends WAYMARK_API_KEY, or the content of WAYMARK_API_KEY_FILE, to the service. To a service on this machine it
sends ADMIN_TOKEN if there is no key.`,
  manage: `The command sends WAYMARK_API_KEY to the service, or else ADMIN_TOKEN (both may be files: WAYMARK_API_KEY_FILE,
ADMIN_TOKEN_FILE). To a service on this machine it can also send the file operator-token of DATA_DIR (default: data).`,
  operate: `The command sends ADMIN_TOKEN (or the content of ADMIN_TOKEN_FILE) to the service, or else the key of an operator in
WAYMARK_API_KEY. To a service on this machine it can also send the file operator-token of DATA_DIR (default: data).`,
};
const COMMON_HELP = `  --help                 print this text

Exit codes: 0 success, 1 refused or a check failed, 2 invalid command line, 3 service or Redis unreachable,
4 an export lacks damaged records.
Settings also come from the file .env of the working directory (ENV_FILE); the environment wins.
`;

/** Commands of operators name tenants themselves. */
export function takesTenant({ isWithoutService, use }: Command): boolean {
  return isWithoutService !== true && use !== 'operate';
}

export function helpOf(command: Command): string {
  const { usage, summary, help, example, moreExamples = [], isWithoutService = false, use = 'data' } = command;
  const examples = [example, ...moreExamples].map((line) => `example: waymark ${line}\n`).join('');
  const tenant = takesTenant(command) ? TENANT_HELP : '';
  const credential = isWithoutService ? '' : `${CREDENTIAL_HELP[use]}\n`;
  const options = `${isWithoutService ? '' : URL_HELP}${tenant}${COMMON_HELP}${credential}`;
  return `usage: ${usage}\n${examples}\n${summary}.\n\n${help}\n\n${options}`;
}

export function overview(): string {
  const lines = COMMANDS.map(({ name, summary }) => `  ${name.padEnd(10)}${summary}`);
  return `usage: waymark <command> [options]\n\n${lines.join('\n')}\n\nRun waymark <command> --help for details, waymark --version for the version.\n`;
}
