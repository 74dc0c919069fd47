import { closeSync, existsSync, openSync, readSync, realpathSync, statSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { didYouMean, nearestUrl } from '../config/nearest-url.js';
import { withoutPassword } from '../config/without-password.js';

/** A source or target of a migration, named on the command line. */
export interface Place {
  readonly kind: 'redis' | 'service' | 'directory' | 'file';
  readonly text: string;
  /** Without passwords. */
  readonly name: string;
}

/** A text names no place; the message says what is expected. */
export class InvalidPlaceError extends Error {}

const SCHEMES = ['redis', 'rediss', 'http', 'https'];
const FORMS = 'redis://<host>, http://<service>, a directory or file that exists, or a path with a / such as ./data';
/** Start of a URL, also of one with a typing mistake: `http:/`, `redis//`. */
const URL_START = /^[a-z][\w+.-]+(:\/|\/\/)/i;
/** Endings of files with lines, which also name files that do not exist yet. */
const LINES_FILE = /\.(ndjson|jsonl)$/;

const HEADER_START = '{"kind":"header"';

/** Refuses names that may be typing mistakes: a directory of that name would be made. @throws InvalidPlaceError */
export function placeOf(text: string): Place {
  if (existsSync(text)) return { kind: statSync(text).isDirectory() ? 'directory' : 'file', text, name: text };
  if (isUrlOf(text, 'rediss?')) return { kind: 'redis', text, name: withoutPassword(text) };
  if (isUrlOf(text, 'https?')) return { kind: 'service', text, name: withoutPassword(text) };
  const name = hidden(text);
  const isUrl = URL_START.test(text);
  if (!isUrl && LINES_FILE.test(text)) return { kind: 'file', text, name };
  if (!isUrl && text.includes('/') && !text.endsWith('.json')) return { kind: 'directory', text, name };
  throw new InvalidPlaceError(`${name}: must be ${FORMS}${didYouMean(meantBy(text))}`);
}

/** @throws InvalidPlaceError */
export function redisPlaceOf(text: string): Place {
  if (isUrlOf(text, 'rediss?')) return { kind: 'redis', text, name: withoutPassword(text) };
  const meant = nearestUrl(text, ['redis', 'rediss']);
  throw new InvalidPlaceError(
    `${hidden(text)}: must be like redis://127.0.0.1:6379${didYouMean(meant && hidden(meant))}`,
  );
}

/** A file that is written. @throws InvalidPlaceError */
export function newFileOf(text: string): Place {
  const name = hidden(text);
  if (existsSync(text)) {
    if (statSync(text).isFile()) {
      if (isReplaceable(text)) return { kind: 'file', text, name };
      throw new InvalidPlaceError(`${name}: is a file that is no export; it is not replaced`);
    }
    const inside = statSync(text).isDirectory() ? join(text, 'backup.ndjson') : undefined;
    throw new InvalidPlaceError(`${name}: must be the name of a file${didYouMean(inside)}`);
  }
  if (URL_START.test(text) || !(LINES_FILE.test(text) || text.includes('/'))) {
    const meant = /^[\w.-]+$/.test(text) ? `./${text}` : undefined;
    throw new InvalidPlaceError(`${name}: must be a file that ends in .ndjson, or a path with a /${didYouMean(meant)}`);
  }
  if (!existsSync(dirname(text))) throw new InvalidPlaceError(`${name}: there is no directory ${dirname(text)}`);
  return { kind: 'file', text, name };
}

/** An earlier export, or empty. */
function isReplaceable(file: string): boolean {
  if (LINES_FILE.test(file) || statSync(file).size === 0) return true;
  const start = Buffer.alloc(HEADER_START.length);
  const opened = openSync(file, 'r');
  try {
    readSync(opened, start);
  } finally {
    closeSync(opened);
  }
  return start.toString() === HEADER_START;
}

function isUrlOf(text: string, scheme: string): boolean {
  return new RegExp(`^${scheme}://`).test(text) && URL.canParse(text) && new URL(text).hostname !== '';
}

function meantBy(text: string): string | undefined {
  const url = nearestUrl(text, SCHEMES);
  if (url !== undefined) return hidden(url);
  if (text.endsWith('.json')) return text.replace(/\.json$/, '.ndjson');
  return /^[\w.-]+$/.test(text) ? `./${text}` : undefined;
}

/** Without user and password, although the text is no URL. */
function hidden(text: string): string {
  if (URL_START.test(text)) return text.replace(/^([a-z][\w+.-]+(?::\/{1,2}|\/\/)).*@/is, '$1');
  return /^[^/]*:[^/]*@/.test(text) ? text.replace(/^[^/]*@/, '') : text;
}

/** A line for humans: what the place is, with its whole path. */
export function describePlace({ kind, text, name }: Place, namespace = ''): string {
  switch (kind) {
    case 'redis':
      return `Redis ${name}${namespace === '' ? '' : `, namespace ${namespace}`}`;
    case 'service':
      return `service ${name}`;
    case 'directory':
    case 'file':
      return `${kind} ${resolve(text)}`;
  }
}

/** Equal for two names of one place, as far as names show it. */
export function identityOf({ kind, text }: Place): string {
  if (kind === 'directory' || kind === 'file') return `path ${realPathOf(resolve(text))}`;
  const { protocol, hostname, port, pathname } = new URL(text);
  const host = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(hostname) ? 'localhost' : hostname.toLowerCase();
  // redis: and rediss: lead to the same server; database 0 is the default.
  const at = pathname.replace(kind === 'redis' ? /^\/?0?$/ : /\/+$/, '');
  return `${kind} ${host}:${port || (kind === 'redis' ? '6379' : protocol)}${at}`;
}

/** Follows the links of the part that exists. */
function realPathOf(path: string): string {
  if (existsSync(path)) return realpathSync(path);
  return join(realPathOf(dirname(path)), basename(path));
}
