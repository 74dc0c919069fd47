import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A running command. */
export interface Running {
  readonly child: ReturnType<typeof spawn>;
  stdout(): string;
  stderr(): string;
  readonly ended: Promise<Ended>;
}

interface RunOptions {
  readonly input?: string | undefined;
  readonly detached?: boolean;
  readonly env?: Readonly<Record<string, string>>;
}

const main = resolve(import.meta.dirname, '../../dist/cli/main.js');

/** Commands of the build, each in a process of its own. */
export const waymark = {
  start(url: string, args: readonly string[], { input, env, ...options }: RunOptions = {}): Running {
    const { PATH = '', HOME = '' } = process.env;
    const child = spawn(process.execPath, [main, ...args], {
      env: { PATH, HOME, WAYMARK_URL: url, ENV_FILE: '/nothing', ...env },
      stdio: 'pipe',
      ...options,
    });
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
    child.stdin.end(input);
    const ended = once(child, 'close').then(([code]) => ({ code: code as number | null, stdout, stderr }));
    return { child, stdout: () => stdout, stderr: () => stderr, ended };
  },

  run(url: string, args: readonly string[], input?: string, env?: Readonly<Record<string, string>>): Promise<Ended> {
    return waymark.start(url, args, { input, ...(env && { env }) }).ended;
  },
};
