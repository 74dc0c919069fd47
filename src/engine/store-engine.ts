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
  const { breakers } = connections;
  observer.breaker(breakers.state, breakers.states);
  breakers.onChange((_server, state) => observer.breaker(state, breakers.states));
  connections.onTimeout((as) => observer.timeout(as));
  const { fallback, namespace } = connections.config;
  const parts = { options: optionsOf(config), index, observer };
  const store = new RedisEngine(connections, { ...parts, namespace });
  const { dataDir, detached } = config;
  if (fallback === 'none') {
    if (dataDir !== undefined) await warnOfWaiting(dataDir);
    return store;
  }
  const editOf = (recipe: EditRecipe) => edits.editOf(recipe);
  const journals = dataDir === undefined ? { journal: new VolatileJournal() } : await journalsIn(dataDir);
  return new FallbackEngine({ store, link: connections, ...journals, ...parts, ...detached, editOf, check });
}

async function journalsIn(dataDir: string) {
  const journal = await LmdbDetachedJournal.open(dataDir);
  return { journal, findLeft: (signal: AbortSignal) => LmdbDetachedJournal.leftIn(dataDir, signal) };
}

/** Logs an error for each journal with entries, from a time when the fallback was on. */
async function warnOfWaiting(dataDir: string): Promise<void> {
  for await (const { file, journal, error } of LmdbDetachedJournal.leftIn(dataDir)) {
    const waiting = journal === undefined ? String(error) : `${journal.read().entries.length} writes wait`;
    await journal?.close();
    new Logger('Detached').error(
      `${waiting} in ${file} of ${dataDir}, from an outage of Redis: start with REDIS_FALLBACK=memory to drain them`,
    );
  }
}
