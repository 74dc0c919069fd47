import { createHash, timingSafeEqual } from 'node:crypto';
import { isIP } from 'node:net';
import { Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { Config } from '../config/config.js';
import { ServiceError } from '../service-error.js';

export class AdminOnlyError extends ServiceError {
  readonly code = 'ADMIN_ONLY';
}

/** Headers that a proxy on this machine sets for a remote caller. */
const FORWARDED = [
  'forwarded',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-proto',
  'x-real-ip',
  'true-client-ip',
  'cf-connecting-ip',
  'via',
];

/** Guard of routes that show or change all state. */
@Injectable()
export class AdminGuard implements CanActivate {
  constructor(private readonly config: Config) {}

  canActivate(context: ExecutionContext): boolean {
    const request = context.switchToHttp().getRequest<FastifyRequest>();
    const { adminToken } = this.config;
    if (adminToken === undefined) {
      const isForwarded = FORWARDED.some((name) => request.headers[name] !== undefined);
      if (isLoopback(request.socket.remoteAddress ?? '') && !isForwarded && !isFromForeignPage(request)) return true;
      throw new AdminOnlyError(
        'This route is served to callers on the same machine only; with the setting ADMIN_TOKEN, to everybody who sends that as Authorization: Bearer',
      );
    }
    const given = /^Bearer +(.+)$/i.exec(request.headers.authorization ?? '')?.[1] ?? '';
    if (isSame(given, adminToken)) return true;
    throw new AdminOnlyError('This route needs Authorization: Bearer with the ADMIN_TOKEN of this service');
  }
}

/** Request by a page of another host in a local browser. DNS rebinding can give that host this address. */
function isFromForeignPage({ headers }: FastifyRequest): boolean {
  const { host = '', origin } = headers;
  const isForeign = origin !== undefined && !isLocal(origin.replace(/^https?:\/\//, ''));
  return isForeign || headers['sec-fetch-site'] === 'cross-site' || !isLocal(host);
}

/** `host`: with or without a port. */
function isLocal(host: string): boolean {
  const name = host.replace(/:\d+$/, '').replace(/^\[|\]$/g, '');
  return name === 'localhost' || isLoopback(name);
}

function isLoopback(address: string): boolean {
  const ip = address.startsWith('::ffff:') ? address.slice('::ffff:'.length) : address;
  return ip === '::1' || (isIP(ip) === 4 && ip.startsWith('127.'));
}

/** Constant-time compare; hashing first hides the length. */
function isSame(a: string, b: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(a), digest(b));
}
