import { isLoopback } from '../../config/is-loopback.js';
import type { Config } from '../../config/config.js';

type Settings = Pick<Config, 'host' | 'access' | 'adminToken' | 'jwt' | 'web'>;

/**
 * Reason why a service with these settings must not start: everybody who reaches it could use it. Undefined if it may
 * start.
 */
export function startRefusal({ host, access, adminToken, jwt }: Settings): string | undefined {
  if (isLoopback(host) || access.isGiven || adminToken !== undefined || jwt !== undefined) return undefined;
  return `HOST=${host} is reachable from other machines, and no setting says who may use the service. One of these does:
  ADMIN_TOKEN=<secret>   callers need keys, and this token makes them; a secret: openssl rand -hex 32
                         or: node -p "crypto.randomBytes(32).toString('hex')"
  JWT_ISSUER=<url>       callers need tokens of that issuer, with JWT_AUDIENCE
  HOST=127.0.0.1         programs on this machine only, which need no credential
  ACCESS=open            everybody who reaches the address may read and change everything`;
}

/** Warnings about access, for the log and /health. */
export function accessWarnings({ host, access, jwt, web }: Settings): string[] {
  const warnings: string[] = [];
  if (access.isOpen && !isLoopback(host))
    warnings.push(
      `ACCESS=open with HOST=${host}: everybody who reaches this address may read and change everything without a credential`,
    );
  if (access.isOpen && web.origins.includes('*'))
    warnings.push(
      'ORIGINS=* without credentials: every web page that a user of this network opens may use the service',
    );
  if (access.isOpen && web.allowedHosts.includes('*'))
    warnings.push('ALLOWED_HOSTS=* without credentials: pages may reach the service by DNS rebinding');
  for (const url of [jwt?.issuer, jwt?.jwksUrl])
    if (url?.startsWith('http://') === true && !isLoopback(new URL(url).hostname))
      warnings.push(`${url} is not https: an attacker between it and this service can make tokens of every tenant`);
  return warnings;
}

/** Summary of access, in one line for the log. */
export function accessLine({ host, access }: Settings): string {
  if (!access.isOpen) return 'access by keys: every request needs a credential';
  return isLoopback(host)
    ? 'open access: programs of this user and of root on this machine need no credential; nobody else is served without one'
    : 'open access: no request needs a credential';
}

/** URL for programs on this machine, and the address that the service really listens on. */
export function placeOf(address: string, port: number, isSecure: boolean): { url: string; listensOn: string } {
  const isAny = address === '0.0.0.0' || address === '::';
  const bracketed = (host: string) => (host.includes(':') ? `[${host}]` : host);
  const host = isAny ? '127.0.0.1' : address === '::1' ? 'localhost' : bracketed(address);
  const place = `${bracketed(address)}:${port}`;
  return {
    url: `${isSecure ? 'https' : 'http'}://${host}:${port}`,
    listensOn: isAny ? `${place}, all addresses of this machine` : place,
  };
}
