import { SETTINGS, type Setting } from './settings.js';

const OPEN = '<!-- settings -->';
const CLOSE = '<!-- /settings -->';

/** The settings as the Markdown table of the README. */
export function settingsTable(): string {
  const rows = (SETTINGS as readonly Setting[]).map(
    ({ name, aliases = [], default: usual, allowed, meaning, secret }) => {
      const names = [name, ...aliases].map((one) => `\`${one}\``).join(', also ');
      const file = secret ? ` May be given as a file in \`${name}_FILE\`.` : '';
      return `| ${names} | ${usual === '' ? '' : `\`${usual}\``} | ${capital(meaning)}. ${capital(allowed)}.${file} |`;
    },
  );
  return ['| Name | Default | Meaning, and what is allowed |', '| --- | --- | --- |', ...rows].join('\n');
}

/** A document with the table between its two marks. */
export function withTable(document: string, table: string): string {
  const start = document.indexOf(OPEN);
  const end = document.indexOf(CLOSE);
  if (start === -1 || end === -1) throw new Error(`the document lacks ${OPEN} or ${CLOSE}`);
  return `${document.slice(0, start + OPEN.length)}\n\n${table}\n\n${document.slice(end)}`;
}

/** Every setting with its default, commented out but for what production has to say. */
export function environmentExample(): string {
  const said: Readonly<Record<string, string>> = {
    USE_REDIS: 'true',
    HOST: '0.0.0.0',
    LOG_FORMAT: 'json',
    REDIS_HOST: 'redis',
  };
  const blocks = (SETTINGS as readonly Setting[]).map((setting) => {
    const { name, aliases = [], default: usual, allowed, meaning, secret } = setting;
    const also = aliases.length === 0 ? '' : ` Also: ${aliases.join(', ')}.`;
    const file = secret ? ` Or a file in ${name}_FILE.` : '';
    const value = said[name] ?? (/^[\w./,:-]*$/.test(usual) ? usual : '');
    return `# ${capital(meaning)}. ${capital(allowed)}.${also}${file}\n${name in said ? '' : '#'}${name}=${value}`;
  });
  return `# Settings of Waymark for production. Copy to .env, or give them by the means of your platform.\n\n${blocks.join('\n\n')}\n`;
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
