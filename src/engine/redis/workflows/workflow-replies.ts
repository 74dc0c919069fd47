import { committedWorkflow, type CommittedWorkflow } from '../../commit.js';
import { digestOf } from '../../records/check.js';
import {
  pickMeta,
  versionNamed,
  type About,
  type VersionRecord,
  type WorkflowMeta,
} from '../../records/workflow-meta.js';
import { listOf, numberOf, textOf, unexpected } from '../scripts/reply.js';

/** Origin of a value; see load in workflows.lua. */
export type Kind = 'ours' | 'legacy' | 'foreign' | 'taken';

export interface Found extends WorkflowMeta {
  readonly kind: Kind;
  /** Digest of the state that was written; '-' if it is not known. */
  readonly digest: string;
}

function deadlineOf(text: string | undefined): number | null {
  return text === '-' ? null : numberOf(text);
}

/** From `line_of`: "<incarnation> <version name> <created> <updated> <deadline> <kind> <digest>" */
export function foundOf(id: string, line: unknown): Found {
  const words = textOf(line).split(' ');
  return {
    id,
    incarnation: words[0] as string,
    ...versionIn(words[1]),
    createdAtMs: numberOf(words[2]),
    updatedAtMs: numberOf(words[3]),
    deadlineMs: deadlineOf(words[4]),
    kind: words[5] as Kind,
    digest: words[6] ?? '-',
  };
}

/**
 * As `foundOf`, with the state from the same reply. A state with another digest is that of another program: the script
 * compares only lengths and deadlines, since a SHA-1 of a large state would hold up Redis.
 */
export function foundWith(id: string, line: unknown, state: string): Found {
  const found = foundOf(id, line);
  const isChanged = found.kind === 'ours' && found.digest !== '-' && found.digest !== digestOf(state);
  return isChanged ? { ...found, kind: 'foreign' } : found;
}

function versionIn(name: string | undefined): { readonly version: number; readonly check: string } {
  const found = versionNamed(name ?? unexpected());
  return Number.isSafeInteger(found.version) ? found : unexpected();
}

/** From a result of commit.lua: "<id> <incarnation> <version name> <created> <updated> <deadline> <1 when created>" */
export function committedOf(result: unknown): CommittedWorkflow {
  const words = textOf(result).split(' ');
  // An id may have spaces; nothing behind it has.
  const [id, line] = [words.slice(0, -6), words.slice(-6)].map((some) => some.join(' ')) as [string, string];
  const found = foundOf(id, line);
  return committedWorkflow(found, (found.kind as string) === '1');
}

/** Start of an entry of the history: "<version name> <updated> <deadline> <about>". */
export function headerOf(
  text: string,
): Pick<VersionRecord, 'version' | 'check' | 'updatedAtMs' | 'deadlineMs' | 'about'> {
  const [, name, updated, deadline, about] = /^(\S+) (\d+) (\S+) (.*)$/s.exec(text) ?? [];
  return {
    ...versionIn(name),
    updatedAtMs: numberOf(updated),
    deadlineMs: deadlineOf(deadline),
    about: JSON.parse(about ?? unexpected()) as About,
  };
}

/** Header and state of an entry of the history: "<header>\n<state>". */
export function splitEntry(entry: string): readonly [header: string, state: string] {
  const end = entry.indexOf('\n');
  return end < 0 ? unexpected() : [entry.slice(0, end), entry.slice(end + 1)];
}

/** From a version of version.lua or versions.lua: entry, or only its header; bytes of the state. */
export function versionOf(found: Found, reply: unknown, includeState: boolean): VersionRecord {
  const [text, bytes] = listOf(reply);
  if (!includeState) return { ...pickMeta(found), ...headerOf(textOf(text)), bytes: Number(bytes) };
  const [header, state] = splitEntry(textOf(text));
  return { ...pickMeta(found), ...headerOf(header), bytes: Number(bytes), state };
}
