import { committedWorkflow, type CommittedWorkflow } from '../../commit.js';
import { pickMeta, type About, type VersionRecord, type WorkflowMeta } from '../../records/workflow-meta.js';
import { listOf, numberOf, textOf, unexpected } from '../scripts/reply.js';

/** Origin of a value; see load in workflows.lua. */
export type Kind = 'ours' | 'legacy' | 'foreign';

export interface Found extends WorkflowMeta {
  readonly kind: Kind;
}

function deadlineOf(text: string | undefined): number | null {
  return text === '-' ? null : numberOf(text);
}

/** From `line_of`: "<incarnation> <version> <created> <updated> <deadline> <kind>" */
export function foundOf(id: string, line: unknown): Found {
  const words = textOf(line).split(' ');
  return {
    id,
    incarnation: words[0] as string,
    version: numberOf(words[1]),
    createdAtMs: numberOf(words[2]),
    updatedAtMs: numberOf(words[3]),
    deadlineMs: deadlineOf(words[4]),
    kind: words[5] as Kind,
  };
}

/** From a result of commit.lua: "<id> <incarnation> <version> <created> <updated> <deadline> <1 when created>" */
export function committedOf(result: unknown): CommittedWorkflow {
  const line = textOf(result);
  const stop = line.indexOf(' ');
  const found = foundOf(line.slice(0, stop), line.slice(stop + 1));
  return committedWorkflow(found, (found.kind as string) === '1');
}

/** From an entry of versions.lua: header "<version> <updated> <deadline> <about>", bytes, state. */
export function versionOf(found: Found, entry: unknown, includeState: boolean): VersionRecord {
  const [header, bytes, state] = listOf(entry);
  const [, version, updated, deadline, about] = /^(\d+) (\d+) (\S+) (.*)$/s.exec(textOf(header)) ?? [];
  return {
    ...pickMeta(found),
    version: numberOf(version),
    updatedAtMs: numberOf(updated),
    deadlineMs: deadlineOf(deadline),
    about: JSON.parse(about ?? unexpected()) as About,
    bytes: Number(bytes),
    ...(includeState && { state: textOf(state) }),
  };
}
