import { ownOnce, type Expect } from '../../engine/commit.js';
import type { Engine } from '../../engine/engine.js';
import { VersionConflictError, WorkflowNotFoundError } from '../../engine/errors.js';
import { newIncarnation } from '../../engine/new-incarnation.js';
import { accessTenantOf } from '../../engine/profile.js';
import type { WorkflowMeta } from '../../engine/records/workflow-meta.js';
import { RecordChangedError } from '../access-errors.js';
import { parseDocument } from '../../json/document.js';
import { applyMergePatch } from '../../json/merge-patch.js';

const ID = 'settings';

export interface FoundSettings {
  /** JSON text of an object, as it was written. */
  readonly text: string;
  /** Undefined before the first change. */
  readonly meta: WorkflowMeta | undefined;
}

/** Settings of a tenant: a JSON object for its programs, which the service does not read. */
export class TenantSettings {
  constructor(private readonly engine: Engine) {}

  async find(tenant: string): Promise<FoundSettings> {
    const found = await this.engine.find(accessTenantOf(tenant), ID);
    return { text: found?.state ?? '{}', meta: found };
  }

  /**
   * Merges members into the settings (RFC 7396). `patchText` is a JSON object.
   * @throws RecordChangedError when the condition of the request does not hold
   */
  async change(tenant: string, by: string, patchText: string, expect: Expect | undefined): Promise<FoundSettings> {
    for (;;) {
      try {
        return await this.#patch(tenant, by, patchText, expect);
      } catch (error) {
        if (error instanceof VersionConflictError) throw new RecordChangedError(error.current);
        if (!(error instanceof WorkflowNotFoundError)) throw error;
      }
      try {
        return await this.#create(tenant, by, patchText);
      } catch (error) {
        // Another request created them.
        if (!(error instanceof VersionConflictError)) throw error;
      }
    }
  }

  async #patch(tenant: string, by: string, patchText: string, expect: Expect | undefined): Promise<FoundSettings> {
    const patch = parseDocument(patchText);
    const { workflows } = await this.engine.commit(accessTenantOf(tenant), {
      once: ownOnce(),
      patches: [
        {
          id: ID,
          ...(expect !== undefined && { expect }),
          edit: {
            cause: 'patch',
            apply(document) {
              const { node, changed } = applyMergePatch(document, patch);
              return { document: node, changed };
            },
          },
          ttl: null,
          by,
        },
      ],
    });
    const [meta] = workflows;
    return { text: meta?.state as string, meta };
  }

  async #create(tenant: string, by: string, patchText: string): Promise<FoundSettings> {
    const { node, changed } = applyMergePatch(parseDocument('{}'), parseDocument(patchText));
    const text = node.text;
    const { workflows } = await this.engine.commit(accessTenantOf(tenant), {
      once: ownOnce(),
      puts: [
        {
          id: ID,
          expect: { exists: false },
          incarnation: newIncarnation(),
          state: text,
          index: {},
          ttl: null,
          about: { by, cause: 'put', changed },
        },
      ],
    });
    return { text, meta: workflows[0] };
  }
}
