import { Environment, SETTINGS } from './environment.js';
import type { Kind, Setting } from './setting.js';

const LINE_CHARACTERS = 120;

/** Settings that production needs, with values other than the default. */
const PRODUCTION: Readonly<Record<string, string>> = {
  USE_REDIS: 'true',
  HOST: '0.0.0.0',
  ADMIN_TOKEN: '',
  LOG_FORMAT: 'json',
  REDIS_HOST: 'redis',
};

const INTRODUCTION = `# Settings

<!-- Written by scripts/document-settings.mjs from src/config/environment.ts. Do not edit. -->

Waymark is configured by environment variables. \`npm start\`, \`node dist/main.js\` and \`bin/waymark.mjs\` also read the
file \`.env\` of the working directory, or the file that \`ENV_FILE\` names; a variable of the environment wins over the
file.

- An empty value counts as not given, except for \`DATA_DIR\`.
- A duration is \`500ms\`, \`5s\`, \`10m\`, \`24h\` or \`30d\`; a number without a unit is seconds.
- \`true\`, \`false\` and the words of an enumeration are accepted in any case.
- A secret may be given as a file: \`REDIS_PASSWORD_FILE=/run/secrets/redis\` instead of \`REDIS_PASSWORD\`.
- The service does not start with an invalid value. The message names all invalid values at once.
- An unknown name that looks like a setting gives a warning in the log at start, with the nearest known name.
`;

/** docs/settings.md. */
export function settingsPage(): string {
  const entries = SETTINGS.map((setting) => {
    const { name, aliases = [], section, meaning, is, secret } = setting;
    const also = aliases.map((alias) => `, also \`${alias}\``).join('');
    const file = secret ? ` Or a file in \`${name}_FILE\`.` : '';
    const byDefault = defaultOf(setting);
    const text = `**\`${name}\`**${also}: ${meaning}.${allowedBy(is)}${byDefault === '' ? '' : ` Default: ${byDefault}.`}${file}`;
    return `${section === undefined ? '' : `\n## ${section}\n\n`}${wrapped(text, '- ', '  ')}\n`;
  });
  return `${INTRODUCTION}${entries.join('')}`;
}

/** .env.production.example: every setting, commented out unless production needs another value. */
export function environmentExample(): string {
  const blocks = SETTINGS.map((setting) => {
    const { name, aliases = [], meaning, is, secret } = setting;
    const also = aliases.length === 0 ? '' : ` Also: ${aliases.join(', ')}.`;
    const file = secret ? ` Or a file in ${name}_FILE.` : '';
    const value = PRODUCTION[name] ?? shown(setting) ?? '';
    const text = withoutBackticks(`${meaning}.${allowedBy(is)}${also}${file}`);
    return `${wrapped(text, '# ', '# ')}\n${name in PRODUCTION ? '' : '#'}${name}=${value}`;
  });
  const head = 'Settings of Waymark for production. Copy to .env, or set them by the means of your platform.';
  return `# ${head}\n\n${blocks.join('\n\n')}\n`;
}

/** The text without the backticks of Markdown, for errors and plain files. */
export function withoutBackticks(text: string): string {
  return text.replaceAll('`', '');
}

function allowedBy({ allowed }: Kind): string {
  return allowed === '' ? '' : ` Allowed: ${allowed}.`;
}

function defaultOf(setting: Setting): string {
  const value = shown(setting);
  return setting.otherwise ?? (value === undefined || value === '' ? '' : `\`${value}\``);
}

/** The default as text; undefined if there is none. */
function shown({ name, is }: Setting): string | undefined {
  const value = new Environment()[name as keyof Environment];
  return value === undefined ? undefined : (is.show?.(value as never) ?? String(value));
}

function wrapped(text: string, first: string, others: string): string {
  const lines: string[] = [];
  let line = first.trimEnd();
  for (const word of text.split(' ')) {
    if (line.length + 1 + word.length > LINE_CHARACTERS) {
      lines.push(line);
      line = others.trimEnd() === '' ? `${others.slice(1)}` : others.trimEnd();
    }
    line += ` ${word}`;
  }
  return [...lines, line].join('\n');
}
