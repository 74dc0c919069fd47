import { connect as connectPlain, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { Address, RedisConfig } from '../../../../config/config.js';

/** Long enough for a handshake on a busy machine. A server of the other protocol hangs up at once. */
const HANDSHAKE_TIMEOUT_MS = 3000;

type Causes = readonly (readonly [RegExp, string])[];

/** Causes that last until a setting is changed. */
const MISTAKES: Causes = [
  [
    /self.signed certificate|unable to verify|unable to get (local )?issuer/i,
    'the authority of its certificate is not trusted here; set REDIS_TLS_CA to the certificate of the authority',
  ],
  [
    /altnames|Hostname\/IP does not match/i,
    'its certificate has another name than the host; set REDIS_TLS_SERVERNAME to that name',
  ],
  [/WRONGPASS|invalid password|invalid username-password/i, 'it refuses the user or password'],
  [/NOAUTH/, 'it requires a password'],
  [/Unauthorized/i, 'it refuses the token'],
];

const OUTAGES: Causes = [[/certificate has expired/i, 'its certificate has expired']];

/** No server answers at this address, so none refuses anything. */
const NO_SERVER = /ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH/;

/** Why Redis is unreachable, for the operator; '' if unknown. */
export async function explain(config: RedisConfig, failure: Error | undefined): Promise<string> {
  const text = failure === undefined ? '' : textOf(failure);
  return (await mistakeBehind(config, failure)) ?? causeIn(OUTAGES, text) ?? text;
}

/** The mistake in the settings that makes Redis unreachable; undefined for any other cause. */
export async function mistakeBehind(config: RedisConfig, failure: Error | undefined): Promise<string | undefined> {
  const text = failure === undefined ? '' : textOf(failure);
  if (NO_SERVER.test(text) || causeIn(OUTAGES, text) !== undefined) return undefined;
  return causeIn(MISTAKES, text) ?? (await wrongProtocol(config));
}

function causeIn(causes: Causes, text: string): string | undefined {
  return causes.find(([pattern]) => pattern.test(text))?.[1];
}

function textOf(error: Error): string {
  const cause = (error as { lastNodeError?: unknown }).lastNodeError ?? error.cause;
  if (cause instanceof Error) return textOf(cause);
  return error instanceof AggregateError && error.errors[0] instanceof Error ? error.errors[0].message : error.message;
}

/** A mismatch of TLS shows only as a closed connection, so this tries the other protocol. */
async function wrongProtocol(config: RedisConfig): Promise<string | undefined> {
  const address = addressOf(config);
  if (address === undefined) return undefined;
  const { host, port } = address;
  if (config.tls === false) {
    const speaksTls = await tried(connectTls({ host, port, rejectUnauthorized: false }), 'secureConnect');
    return speaksTls ? 'it speaks TLS on this port: use rediss:// or REDIS_TLS=true' : undefined;
  }
  const socket = connectPlain({ host, port });
  socket.write('PING\r\n');
  const speaksPlain = await tried(socket, 'data', (data) => /^[+-]/.test(data));
  return speaksPlain ? 'it speaks no TLS on this port: use redis:// or REDIS_TLS=false' : undefined;
}

function addressOf({ topology, host, port }: RedisConfig): Address | undefined {
  switch (topology?.kind) {
    case undefined:
      return { host, port };
    case 'sentinel':
      return topology.sentinels[0];
    case 'cluster':
      return topology.nodes[0];
    case 'rest':
      return undefined;
  }
}

function tried(socket: Socket, event: string, isExpected: (data: string) => boolean = () => true): Promise<boolean> {
  return new Promise((resolve) => {
    const end = (answer: boolean) => {
      clearTimeout(timer);
      socket.destroy();
      resolve(answer);
    };
    const timer = setTimeout(end, HANDSHAKE_TIMEOUT_MS, false);
    socket.once(event, (data?: Buffer) => end(isExpected(String(data ?? ''))));
    socket.on('error', () => end(false));
    socket.once('close', () => end(false));
  });
}
