import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';

/** What a script needs of a client. */
export interface ScriptClient {
  evalsha(sha: string, keyCount: number, ...rest: (string | number)[]): Promise<unknown>;
  eval(source: string, keyCount: number, ...rest: (string | number)[]): Promise<unknown>;
}

/** A Lua script in a file beside the code, with the libraries it builds on in front of it. */
export class RedisScript {
  readonly #source: string;
  readonly #sha: string;

  constructor(...files: string[]) {
    this.#source = files
      .map((file) => readFileSync(new URL(`./scripts/${file}.lua`, import.meta.url), 'utf8'))
      .join('\n');
    this.#sha = createHash('sha1').update(this.#source).digest('hex');
  }

  async run(client: ScriptClient, keys: readonly string[], args: readonly (string | number)[]): Promise<unknown> {
    try {
      return await client.evalsha(this.#sha, keys.length, ...keys, ...args);
    } catch (error) {
      if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw error;
      // A restarted server has an empty script cache, so send the source again. It did not run, so this is no second run.
      return client.eval(this.#source, keys.length, ...keys, ...args);
    }
  }
}
