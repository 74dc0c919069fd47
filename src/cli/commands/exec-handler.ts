import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { JsonText, TaskFailure, type ClaimedTask, type Handler } from '../../client/index.js';

const MAX_RESULT_BYTES = 8 * 1024 * 1024;
const TAIL_CHARACTERS = 2000;
/** Time between SIGTERM and SIGKILL. */
const KILL_AFTER_MS = 3000;
/** Maximum wait for the end of stdout after the command has ended: a background process of it may keep stdout open. */
const LINGER_MS = 1000;

const isWindows = process.platform === 'win32';

export interface ExecOptions {
  readonly url: string;
  /** Key for requests of the command. Read for each task, since a key can be rotated. */
  readonly apiKey: () => string | undefined;
  /** Called with stderr of the commands. */
  readonly onDiagnostics: (chunk: Buffer) => void;
}

/** Runs a command for each task. */
export function execHandler(command: string, options: ExecOptions): Handler {
  return async (task, { signal }) => {
    signal.throwIfAborted();
    const child = spawn(command, {
      shell: true,
      env: { ...process.env, ...variablesOf(task, options) },
      // Own process group: Ctrl-C reaches only the worker, and children of the command can be killed with it.
      detached: !isWindows,
      windowsHide: true,
    });
    const stop = () => endGroup(child);
    signal.addEventListener('abort', stop, { once: true });
    try {
      const { code, stdout, stderr } = await finished(child, task.payloadText.text, options);
      if (code === 0) return resultOf(stdout);
      signal.throwIfAborted();
      throw new TaskFailure(`EXIT_${code}`, stderr.trim() === '' ? `The command ended with ${code}` : stderr);
    } finally {
      signal.removeEventListener('abort', stop);
    }
  };
}

function variablesOf(task: ClaimedTask, { url, apiKey }: ExecOptions): NodeJS.ProcessEnv {
  return {
    WAYMARK_TASK_ID: task.id,
    WAYMARK_QUEUE: task.queue,
    WAYMARK_ATTEMPT: String(task.attempt),
    WAYMARK_MAX_ATTEMPTS: String(task.maxAttempts),
    // Undefined removes an inherited variable.
    WAYMARK_WORKFLOW_ID: task.workflowId ?? undefined,
    WAYMARK_LEASE_TOKEN: task.leaseToken,
    WAYMARK_URL: url,
    WAYMARK_API_KEY: apiKey(),
    // Secrets of an operator are not for the work on a task.
    ADMIN_TOKEN: undefined,
    ADMIN_TOKEN_FILE: undefined,
  };
}

interface Finished {
  /** Exit code, or name of the signal. */
  readonly code: number | string;
  readonly stdout: string;
  /** The last characters of stderr. */
  readonly stderr: string;
}

function finished(child: ChildProcessWithoutNullStreams, input: string, options: ExecOptions): Promise<Finished> {
  const stdout: Buffer[] = [];
  let bytes = 0;
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes <= MAX_RESULT_BYTES) stdout.push(chunk);
    else if (bytes - chunk.length <= MAX_RESULT_BYTES) endGroup(child);
  });
  child.stderr.on('data', (chunk: Buffer) => {
    options.onDiagnostics(chunk);
    stderr = (stderr + chunk.toString()).slice(-TAIL_CHARACTERS);
  });
  // A command need not read its stdin.
  child.stdin.on('error', () => undefined);
  child.stdin.end(input);
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', () => {
      const linger = setTimeout(() => {
        child.stdout.destroy();
        child.stderr.destroy();
      }, LINGER_MS);
      child.once('close', () => clearTimeout(linger));
    });
    child.once('close', (code, signal) => {
      if (bytes > MAX_RESULT_BYTES) {
        const message = `The command wrote more than ${MAX_RESULT_BYTES} bytes to stdout`;
        reject(new TaskFailure('RESULT_TOO_LARGE', message, { retryable: false }));
      } else resolve({ code: code ?? signal ?? 'unknown', stdout: Buffer.concat(stdout).toString(), stderr });
    });
  });
}

/** JSON stays as it is; other text becomes a string without its last line break; empty output is null. */
function resultOf(stdout: string): unknown {
  if (stdout.trim() === '') return null;
  try {
    return JsonText.of(stdout);
  } catch {
    return stdout.replace(/\r?\n$/, '');
  }
}

function endGroup(child: ChildProcessWithoutNullStreams): void {
  kill(child, 'SIGTERM');
  const timer = setTimeout(() => kill(child, 'SIGKILL'), KILL_AFTER_MS);
  child.once('close', () => clearTimeout(timer));
}

function kill(child: ChildProcessWithoutNullStreams, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    process.kill(isWindows ? child.pid : -child.pid, signal);
  } catch {
    // The process has already ended.
  }
}
