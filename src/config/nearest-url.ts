import { distanceOf, nearestOf } from './nearest.js';

const MAX_TYPOS = 2;
const REDIS_PORT = /^(6379|6380|26379)$/;

/** The URL that was probably meant: `redi://h` has a typing mistake, `localhost:6379` no scheme. Undefined without a good guess. */
export function nearestUrl(text: string, schemes: readonly string[]): string | undefined {
  const [, scheme, rest] = /^([a-z][\w+.-]+)(?::\/\/?|\/\/)([^/].*)$/is.exec(text) ?? [];
  if (scheme !== undefined && rest !== undefined) {
    const nearest = nearestOf(scheme.toLowerCase(), schemes);
    const meant = `${nearest}://${rest}`;
    const typos = distanceOf(scheme.toLowerCase(), nearest);
    // `ftp` is another scheme, not a typing mistake.
    const isNear = typos <= MAX_TYPOS && typos < scheme.length - 1;
    return isNear && meant !== text ? withHost(meant) : undefined;
  }
  const [, port] = /^(?:[\w.-]+|\[[\da-f:]+\]):(\d+)$/i.exec(text) ?? [];
  if (port === undefined) return undefined;
  const isRedis = schemes.includes('redis') && (REDIS_PORT.test(port) || !schemes.includes('http'));
  return withHost(`${isRedis ? 'redis' : 'http'}://${text}`);
}

function withHost(url: string): string | undefined {
  return URL.canParse(url) && new URL(url).hostname !== '' ? url : undefined;
}

/** The end of a message about a wrong URL. */
export function didYouMean(text: string | undefined): string {
  return text === undefined ? '' : `; did you mean ${text}?`;
}
