import type { EngineObserver } from '../../engine.js';
import { OutcomeUnknownError, StoreRefusedError } from '../../errors.js';
import type { RedisConnections } from '../connection/redis-connections.js';
import { classified } from '../connection/redis-errors.js';
import { prefixOf, stateKey } from '../keys.js';
import type { FencedCalls } from './fenced-calls.js';
import type { RedisScript } from './redis-script.js';
import { leadingArguments, type Fence, type ScriptContext } from './script-context.js';

/**
 * Runs idempotent scripts that write outside of a commit. What a lost connection delivers late must not undo later
 * writes, so they stand behind a fence; there such a script replies 'fenced'.
 */
export class ScriptWriter {
  constructor(
    private readonly connections: RedisConnections,
    private readonly calls: FencedCalls,
    private readonly context: ScriptContext,
    private readonly observer: EngineObserver,
  ) {}

  /**
   * Runs a script about the workflow `id`, or about something else of the tenant. `name` is for the metrics.
   * @throws StoreUnavailableError, StoreFullError: nothing was written. @throws OutcomeUnknownError
   */
  async run(script: RedisScript, name: string, tenant: string, args: readonly string[], id = ''): Promise<unknown> {
    const started = performance.now();
    let outcome: 'ok' | 'failed' = 'failed';
    try {
      const route = stateKey(prefixOf(this.context.namespace, tenant), id);
      const attempt = async (fence: Fence) => {
        const all = [...leadingArguments(this.context, tenant, fence), ...args];
        return script.run(this.connections.command(route), [route], all).catch(unknownIfBegun);
      };
      const reply = await this.calls.untilKnown({ tenant, route, attempt, isFenced: (reply) => reply === 'fenced' });
      outcome = 'ok';
      return reply;
    } catch (error) {
      throw this.context.taken.noted(error);
    } finally {
      this.observer.command(name, (performance.now() - started) / 1000, outcome);
    }
  }
}

/** An error that no check of a script has raised may have come after its first write. @throws */
function unknownIfBegun(error: unknown): never {
  throw classified(error) instanceof StoreRefusedError ? new OutcomeUnknownError({ cause: error }) : error;
}
