import { X509Certificate } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { createSecureContext, type SecureContextOptions, type Server } from 'node:tls';

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
 * Certificate and key of this service. New ones are used for new connections when the files change: a check a second, since
 * mounted secrets are exchanged through symbolic links, which no file watcher follows.
 */
export class ServerTls {
  readonly #servers: Server[] = [];
  #pair: SecureContextOptions;
  /** State of the files that was last read, whether they were good or not. */
  #read: string;
  #seen: string;
  #timer: NodeJS.Timeout | undefined;

  /** @throws Error when the files cannot be used */
  constructor(
    private readonly files: TlsFiles,
    private readonly log: Log,
  ) {
    this.#read = this.#seen = this.#state();
    this.#pair = this.#load();
  }

  /** For the creation of a server. */
  get options(): SecureContextOptions {
    return this.#pair;
  }

  /** Keeps the certificate of a server up to date. */
  attend(server: Server): void {
    this.#servers.push(server);
  }

  watch(): void {
    this.#timer ??= setInterval(() => this.check(), CHECK_MS).unref();
  }

  close(): void {
    clearInterval(this.#timer);
  }

  /** Reads the files again when they have changed and then rested for one check: they are written one after the other. */
  check(): void {
    const state = this.#state();
    const hasRested = state === this.#seen;
    this.#seen = state;
    if (hasRested && state !== this.#read) this.reload();
  }

  /** Reads the files again. Connections stay; files that cannot be used change nothing. */
  reload(): void {
    this.#read = this.#seen = this.#state();
    try {
      this.#pair = this.#load();
    } catch (error) {
      this.log.error(`TLS: ${(error as Error).message}; serving on with the earlier certificate`);
      return;
    }
    for (const server of this.#servers) server.setSecureContext(this.#pair);
  }

  #load(): SecureContextOptions {
    const { certFile, keyFile } = this.files;
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

  #state(): string {
    return Object.values(this.files).map(stateOf).join();
  }
}

function contentOf(setting: string, file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new Error(`${setting}=${file} cannot be read (${(error as NodeJS.ErrnoException).code})`, { cause: error });
  }
}

function stateOf(file: string): string {
  try {
    const { ino, size, mtimeMs } = statSync(file);
    return `${ino}:${size}:${mtimeMs}`;
  } catch {
    return 'missing';
  }
}
