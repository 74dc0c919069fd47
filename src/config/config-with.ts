import type { Config } from './config.js';
import { readConfig } from './read-config.js';

/** The settings with another address of Redis. @throws InvalidEnvironmentError */
export function configWith(env: NodeJS.ProcessEnv, own: Readonly<Record<string, string>>): Config {
  const { REDIS_URL: _url, UPSTASH_REDIS_URL: _upstash, REDIS_HOST: _host, REDIS_PORT: _port, ...others } = env;
  const {
    REDIS_PASSWORD: _password,
    REDIS_PASSWORD_FILE: _file,
    REDIS_URL_FILE: _urlFile,
    REDIS_DB: _db,
    ...rest
  } = others;
  return readConfig({ ...rest, ...own });
}

/** A URL without user and password. */
export function withoutPassword(text: string): string {
  try {
    const url = new URL(text);
    url.username = '';
    url.password = '';
    return url.href;
  } catch {
    return text.replace(/\/\/[^@]*@/, '//');
  }
}
