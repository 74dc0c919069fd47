import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';

/** What scripts build on that know what workers do with tasks, in this order. */
export const LEASES = ['tasks', 'task-values', 'call-end', 'task-places', 'task-ends', 'task-claims', 'task-steps'];
/** And those that know how tasks come and go. */
export const TASKS = [...LEASES, 'task-entry'];

/** What a script needs of a client. */
export interface ScriptClient {
  /** Its keys may be about to move to another server. */
  readonly isCluster: boolean;
  evalsha(sha: string, keyCount: number, ...rest: (string | number)[]): Promise<unknown>;
  eval(source: string, keyCount: number, ...rest: (string | number)[]): Promise<unknown>;
}

/** A Lua script in a file beside the code, with the libraries it builds on in front of it. */
export class RedisScript {
  readonly #alone: Program;
  readonly #inCluster: Program;

  constructor(...files: string[]) {
    this.#alone = programOf(['one-server', ...files]);
    this.#inCluster = programOf(['whole-slot', ...files]);
  }

  async run(client: ScriptClient, keys: readonly string[], args: readonly (string | number)[]): Promise<unknown> {
    const { source, sha } = client.isCluster ? this.#inCluster : this.#alone;
    try {
      return await client.evalsha(sha, keys.length, ...keys, ...args);
    } catch (error) {
      if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw error;
      // A restarted server has an empty script cache, so send the source again. It did not run, so this is no second run.
      return client.eval(source, keys.length, ...keys, ...args);
    }
  }
}

interface Program {
  readonly source: string;
  readonly sha: string;
}

function programOf(files: readonly string[]): Program {
  const texts = files.map((file) => readFileSync(new URL(`./scripts/${file}.lua`, import.meta.url), 'utf8'));
  const source = texts.join('\n');
  return { source, sha: createHash('sha1').update(source).digest('hex') };
}
