import type { Edit } from '../../engine/commit.js';
import { fromValue } from '../../json/document.js';
import { StatusConflictError } from '../workflow-errors.js';
import { objectOf } from './shape.js';

export interface StatusChange {
  readonly status: string;
  readonly error_message?: string | null;
  /** Allowed current statuses; any by default. */
  readonly from?: readonly string[];
}

export function setStatusEdit(change: StatusChange): Edit {
  const { status, error_message, from } = change;
  return {
    cause: 'status',
    recipe: { kind: 'status', args: [JSON.stringify(change)] },
    apply(document) {
      const state = objectOf(document, 'The state');
      if (from !== undefined) {
        const current: unknown = state.get('status')?.value() ?? null;
        if (typeof current !== 'string' || !from.includes(current)) throw new StatusConflictError(current, from);
      }
      const changed = state.withMember('status', fromValue(status));
      if (error_message === undefined) return { document: changed, changed: ['/status'] };
      return {
        document: changed.withMember('error_message', fromValue(error_message)),
        changed: ['/status', '/error_message'],
      };
    },
  };
}
