import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';

const main = resolve(import.meta.dirname, '../../dist/main.js');

/** Only a case takes Redis away from a service: a busy machine answers late, but it answers. */
export const PATIENCE = { REDIS_SOCKET_TIMEOUT: '30s', REDIS_SOCKET_CONNECT_TIMEOUT: '30s' };

/** The built service in a process of its own. */
export interface ServiceProcess {
  readonly url: string;
  readonly child: ChildProcess;
  /** Log so far. */
  log(): string;
  /** Sends SIGTERM and gives the exit code. */
  stop(): Promise<number | null>;
}

/**
 * Starts on a free port of the loopback; resolves when it serves. Needs `npm run build`. `onLog` is called with the whole log
 * so far.
 */
export async function startService(
  env: Readonly<Record<string, string>>,
  onLog: (log: string) => void = () => undefined,
): Promise<ServiceProcess> {
  const { PATH = '', HOME = '' } = process.env;
  const child = spawn(process.execPath, [main], {
    // Without the developer's own .env.
    env: { PATH, HOME, PORT: '0', LOG_FORMAT: 'json', ENV_FILE: '/nothing', ...PATIENCE, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let log = '';
  const url = await new Promise<string>((serves, fails) => {
    const read = (chunk: Buffer) => {
      log += chunk.toString();
      onLog(log);
      const found = /serving on (https?:\/\/[^ ]+)/.exec(log)?.[1];
      if (found !== undefined) serves(found);
    };
    child.stdout.on('data', read);
    child.stderr.on('data', read);
    child.once('error', fails);
    child.once('exit', (code) => fails(new Error(`the service ended with code ${code}:\n${log}`)));
  });
  return {
    url,
    child,
    log: () => log,
    async stop() {
      if (child.exitCode === null && child.signalCode === null) {
        child.kill('SIGTERM');
        await once(child, 'exit');
      }
      return child.exitCode;
    },
  };
}
