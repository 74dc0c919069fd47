import { X509Certificate } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { createSecureContext, Server as TlsServer, type SecureContextOptions } from 'node:tls';
import type { OnModuleDestroy } from '@nestjs/common';

export interface TlsFiles {
  readonly certFile: string;
  readonly keyFile: string;
}

interface Log {
  info(text: string): void;
  warn(text: string): void;
  error(text: string): void;
}

const CHECK_MS = 1000;
const DAY_MS = 24 * 60 * 60 * 1000;

/**
 * TLS of all ports of this service; without a certificate, none.
 * The files are checked every second, and a changed certificate is used for new connections. File watchers do not
 * notice mounted secrets, which are exchanged through symbolic links.
 */
export class ServerTls implements OnModuleDestroy {
  readonly #servers = new Set<TlsServer>();
  #pair: SecureContextOptions | undefined;
  /** State of the files at the last reading, whether they were valid or not. */
  #read = '';
  #seen = '';
  #timer: NodeJS.Timeout | undefined;

  /** @throws Error when the files cannot be used */
  constructor(
    private readonly files: TlsFiles | undefined,
    private readonly log: Log,
  ) {
    if (files === undefined) return;
    this.#read = this.#seen = stateOf(files);
    this.#pair = this.#load(files);
    this.#timer = setInterval(() => this.check(), CHECK_MS).unref();
  }

  onModuleDestroy(): void {
    clearInterval(this.#timer);
  }

  /** Options for the creation of a server; undefined without TLS. */
  get options(): SecureContextOptions | undefined {
    return this.#pair;
  }

  createServer(listener: RequestListener): Server {
    return this.#pair === undefined
      ? createServer(listener)
      : this.attend(createTlsServer(this.#pair, listener) as unknown as Server);
  }

  /** Keeps the certificate of a server up to date. */
  attend<S extends Server>(server: S): S {
    if (server instanceof TlsServer) this.#servers.add(server);
    return server;
  }

  /**
   * Reads the files again when they have changed and then stayed the same for one check, since they are written one
   * after the other.
   */
  check(): void {
    if (this.files === undefined) return;
    const state = stateOf(this.files);
    const hasRested = state === this.#seen;
    this.#seen = state;
    if (hasRested && state !== this.#read) this.reload();
  }

  /** Reads the files again. Open connections stay; invalid files change nothing. */
  reload(): void {
    if (this.files === undefined) return;
    this.#read = this.#seen = stateOf(this.files);
    try {
      this.#pair = this.#load(this.files);
    } catch (error) {
      this.log.error(`TLS: ${(error as Error).message}; serving on with the earlier certificate`);
      return;
    }
    for (const server of this.#servers) server.setSecureContext(this.#pair);
  }

  #load({ certFile, keyFile }: TlsFiles): SecureContextOptions {
    const pair = {
      cert: contentOf('TLS_CERT_FILE', certFile),
      key: contentOf('TLS_KEY_FILE', keyFile),
      minVersion: 'TLSv1.2',
    } as const;
    try {
      createSecureContext(pair);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new Error(`TLS_CERT_FILE=${certFile} and TLS_KEY_FILE=${keyFile} cannot be used together: ${reason}`, {
        cause: error,
      });
    }
    const { subjectAltName = 'no name', validTo } = new X509Certificate(pair.cert);
    const left = Date.parse(validTo) - Date.now();
    const says = `TLS: certificate for ${subjectAltName}, valid until ${new Date(validTo).toISOString()}`;
    if (left < 7 * DAY_MS) this.log.warn(left < 0 ? `${says}: it has expired` : `${says}: renew it`);
    else this.log.info(says);
    return pair;
  }
}

function contentOf(setting: string, file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new Error(`${setting}=${file} cannot be read (${(error as NodeJS.ErrnoException).code})`, { cause: error });
  }
}

function stateOf({ certFile, keyFile }: TlsFiles): string {
  const states = [certFile, keyFile].map((file) => {
    try {
      const { ino, size, mtimeMs } = statSync(file);
      return `${ino}:${size}:${mtimeMs}`;
    } catch {
      return 'missing';
    }
  });
  return states.join();
}
