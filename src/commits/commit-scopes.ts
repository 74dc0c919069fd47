import type { Scope } from '../access/scopes.js';
import type { CommitBody } from './commit.dto.js';

/** Scopes that the parts of a commit need. */
export function scopesOf({ ack, claimNext, puts, patches, deletes, enqueue, publish }: CommitBody): readonly Scope[] {
  const scopes: Scope[] = [];
  if (ack !== undefined || claimNext !== undefined) scopes.push('tasks:work');
  if (puts.length + patches.length + deletes.length > 0) scopes.push('workflows:write');
  if (enqueue.length > 0) scopes.push('tasks:enqueue');
  if (publish.length > 0) scopes.push('events:publish');
  return scopes;
}
