import { Logger } from '@nestjs/common';
import type { Config } from '../config/config.js';
import type { EditRecipe } from './commit.js';
import { VolatileJournal } from './detached/detached-journal.js';
import { FallbackEngine } from './detached/fallback-engine.js';
import { LmdbDetachedJournal } from './detached/lmdb-detached-journal.js';
import { optionsOf } from './engine-options.js';
import type { EditMaker } from './edit-maker.js';
import type { RedisConnections } from './redis/connection/redis-connections.js';
import { RedisEngine } from './redis/redis-engine.js';
import type { StoreObserver } from './store-observer.js';
import type { WorkflowIndex } from './workflow-index.js';

export interface StoreEngineParts {
  readonly config: Config;
  readonly index: WorkflowIndex;
  readonly observer: StoreObserver;
  readonly edits: EditMaker;
  /** @throws Error if that Redis must not be used */
  readonly check: () => Promise<void>;
}

/** The engine on a Redis, with the fallback of the configuration. */
export async function storeEngine(
  connections: RedisConnections,
  { config, index, observer, edits, check }: StoreEngineParts,
): Promise<RedisEngine | FallbackEngine> {
  const { breaker } = connections;
  observer.breaker(breaker.state);
  breaker.onChange((state) => observer.breaker(state));
  const { fallback, namespace } = connections.config;
  const parts = { options: optionsOf(config), index, observer };
  const store = new RedisEngine(connections, { ...parts, namespace });
  const { dataDir, detached } = config;
  if (fallback === 'none') {
    if (dataDir !== undefined) await warnOfWaiting(dataDir);
    return store;
  }
  const journal = dataDir === undefined ? new VolatileJournal() : await LmdbDetachedJournal.open(dataDir);
  const editOf = (recipe: EditRecipe) => edits.editOf(recipe);
  return new FallbackEngine({ store, link: connections, journal, ...parts, ...detached, editOf, check });
}

/** Logs a warning if entries still wait from a time when the fallback was on. */
async function warnOfWaiting(dataDir: string): Promise<void> {
  if (!LmdbDetachedJournal.isIn(dataDir)) return;
  const journal = await LmdbDetachedJournal.open(dataDir);
  const { length } = journal.read().entries;
  await journal.close();
  if (length === 0) return;
  new Logger('Detached').error(
    `${length} writes from an outage of Redis wait in ${dataDir}: start with REDIS_FALLBACK=memory to drain them`,
  );
}
