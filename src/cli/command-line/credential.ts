import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { UsageError, type Use } from './given.js';

/** A credential of the environment. It is read for every request, since its file is replaced when a key is rotated. */
export interface Credential {
  /** Where it comes from, for messages. */
  readonly source: string;
  /** @throws UsageError when its file cannot be read */
  read(): string;
}

/** Keys of a tenant begin like this: they are never those of an operator. */
const TENANT_KEY = 'wmk_';
const TOKEN_FILE = 'operator-token';

/**
 * WAYMARK_API_KEY, else ADMIN_TOKEN, else the file with the operator token in DATA_DIR of a local service. Commands that work with
 * data never send a secret of the operator to another machine.
 */
export function findCredential(env: NodeJS.ProcessEnv, url: string, use: Use): Credential | undefined {
  const key = secretOf(env, 'WAYMARK_API_KEY');
  if (key !== undefined && !(use === 'operate' && key.read().startsWith(TENANT_KEY))) return key;
  const isLocal = isLoopback(new URL(url).hostname);
  const admin = use === 'data' && !isLocal ? undefined : secretOf(env, 'ADMIN_TOKEN');
  if (admin !== undefined) return admin;
  return (use !== 'data' && isLocal ? tokenFile(env) : undefined) ?? key;
}

/** A secret of the environment, or of the file in `<name>_FILE`. */
export function secretOf(env: NodeJS.ProcessEnv, name: string): Credential | undefined {
  const value = env[name];
  if (value !== undefined && value !== '') return { source: name, read: () => checked(name, value) };
  const file = env[`${name}_FILE`];
  if (file === undefined || file === '') return undefined;
  return { source: `${name}_FILE`, read: readerOf(`${name}_FILE`, file) };
}

/** Undefined when there is none that this user may read. */
function tokenFile(env: NodeJS.ProcessEnv): Credential | undefined {
  const file = join(env['DATA_DIR'] || 'data', TOKEN_FILE);
  const read = readerOf('The operator token', file);
  try {
    read();
    return { source: file, read };
  } catch {
    return undefined;
  }
}

/** Reads the file again each time. If the file cannot be read while it is being replaced, its last content is used. */
function readerOf(name: string, file: string): () => string {
  let last: string | undefined;
  return () => {
    try {
      last = contentOf(name, file);
    } catch (error) {
      if (last === undefined) throw error;
    }
    return last;
  };
}

function contentOf(name: string, file: string): string {
  let text: string;
  try {
    text = readFileSync(file, 'utf8').trim();
  } catch (error) {
    throw new UsageError(`${name}: ${file} cannot be read (${(error as NodeJS.ErrnoException).code})`);
  }
  if (text === '') throw new UsageError(`${name}: ${file} is empty`);
  return checked(name, text);
}

/** The message must not show the credential. */
function checked(name: string, credential: string): string {
  if (/^[\x21-\x7e]+$/.test(credential)) return credential;
  throw new UsageError(`${name} has spaces, line breaks or other characters that are in no credential`);
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '[::1]' || /^127(\.\d+){3}$/.test(host);
}
