import { isIP } from 'node:net';

/** Whether a host name or an address means this machine. */
export function isLoopback(host: string): boolean {
  const ip = host.replace(/^\[|\]$/g, '').replace(/^::ffff:/i, '');
  return host === 'localhost' || ip === '::1' || (isIP(ip) === 4 && ip.startsWith('127.'));
}
