import { Keyring } from '../access/seal/keyring.js';
import type { RedisConfig } from '../config/config.js';
import { configWith } from '../config/config-with.js';
import { optionsOf } from '../engine/engine-options.js';
import { DirectoryMoving } from '../engine/memory/moving/directory-moving.js';
import { openMemoryEngine } from '../engine/memory/open-memory-engine.js';
import type { Moving } from '../engine/moving/moving.js';
import { openRedis, type OpenRedis } from '../engine/redis/connection/open-redis.js';
import { WorkflowIndex } from '../engine/workflow-index.js';
import { FileMoving } from './file-moving.js';
import { HttpMoving } from './http-moving.js';
import type { Place } from './place.js';

export interface OpenPlace {
  readonly moving: Moving;
  close(): Promise<void>;
}

export interface PlaceOptions {
  readonly env: NodeJS.ProcessEnv;
  /** Prefix of the keys in Redis, instead of REDIS_NAMESPACE. */
  readonly namespace?: string | undefined;
  /** ADMIN_TOKEN of a service. */
  readonly token?: string | undefined;
}

/** Opens a place for reading. @throws Error with a message for the operator */
export async function openSource(place: Place, options: PlaceOptions): Promise<OpenPlace> {
  if (place.kind !== 'directory' && place.kind !== 'file') return openEither(place, options);
  const moving =
    place.kind === 'file'
      ? await FileMoving.open(place.text, keyringOf(options.env))
      : DirectoryMoving.open(place.text);
  return { moving, close: () => moving.close() };
}

/** The keys that seal and open lines of exports, from the settings. @throws InvalidEnvironmentError */
export function keyringOf(env: NodeJS.ProcessEnv): Keyring {
  // Other settings do not matter here, so a fault in one must not end the command.
  const own = Object.entries(env).filter(([name]) => name.startsWith('TOKEN_ENCRYPTION_'));
  return new Keyring(configWith(Object.fromEntries(own), {}).encryption);
}

/** Opens a place for writing. @throws Error with a message for the operator */
export async function openTarget(place: Place, options: PlaceOptions): Promise<OpenPlace> {
  if (place.kind !== 'directory') return openEither(place, options);
  const config = configWith(options.env, {});
  const engine = await openMemoryEngine({
    options: optionsOf(config),
    index: new WorkflowIndex(config.workflowIndex),
    dataDir: place.text,
  });
  return { moving: engine.moving, close: () => engine.close() };
}

async function openEither(place: Place, { env, namespace, token }: PlaceOptions): Promise<OpenPlace> {
  if (place.kind === 'service') return { moving: new HttpMoving(place.text, token), close: () => Promise.resolve() };
  const { engine, close } = await openRedisAt(place.text, env, namespace);
  return { moving: engine.moving, close };
}

/** @throws Error with a message for the operator */
export function openRedisAt(url: string, env: NodeJS.ProcessEnv, namespace: string | undefined): Promise<OpenRedis> {
  const own = namespace === undefined ? {} : { REDIS_NAMESPACE: namespace };
  const config = configWith(env, { REDIS_URL: url, USE_REDIS: 'true', ...own });
  return openRedis(config.redis as RedisConfig, {
    options: optionsOf(config),
    index: new WorkflowIndex(config.workflowIndex),
  });
}
