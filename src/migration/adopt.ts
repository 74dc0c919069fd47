import { legacyIds } from '../engine/redis/workflows/legacy-values.js';
import type { OpenRedis } from '../engine/redis/connection/open-redis.js';
import { ServiceError } from '../service-error.js';

export interface AdoptObserver {
  examined(count: number): void;
  adopted(id: string): Promise<void>;
  failed(id: string, reason: string): void;
}

/** Turns all values that an older program wrote into workflows, for all tenants. */
export async function adoptAll({ engine, connections }: OpenRedis, isDryRun: boolean, observer: AdoptObserver) {
  const done = { adopted: 0, failed: 0, examined: 0 };
  const fail = (id: string, reason: string) => {
    done.failed++;
    observer.failed(id, reason);
  };
  for (const tenant of await engine.moving.listTenants()) {
    for await (const page of legacyIds(connections, connections.config.namespace, tenant)) {
      done.examined += page.examined;
      observer.examined(page.examined);
      for (const id of page.invalidIds) fail(id, 'not a valid workflow id');
      for (const id of page.ids) {
        try {
          if (!isDryRun) await engine.adopt(tenant, id);
          done.adopted++;
          await observer.adopted(id);
        } catch (error) {
          if (!(error instanceof ServiceError)) throw error;
          if (error.code === 'STATE_NOT_JSON') fail(id, 'its value is not JSON');
          else if (error.code === 'STORE_KEY_TAKEN') fail(id, 'its key is not text');
          else throw error;
        }
      }
    }
  }
  return done;
}
