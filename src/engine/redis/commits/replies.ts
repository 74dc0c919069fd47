import { shownBoard, type Board, type Notice } from '../../board.js';
import type { CommittedWorkflow } from '../../commit.js';
import { pickMeta, type About, type VersionRecord, type WorkflowMeta } from '../../records/workflow-meta.js';
import { listOf, numberOf, textOf, unexpected } from '../scripts/reply.js';

/** Whose value it is; see load in scripts/modules/workflows.lua. */
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
  return { ...pickMeta(found), created: (found.kind as string) === '1' };
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

/** What is kept under a once key: "<until> <fingerprint>\n<outcome>". */
export function keptOf(text: string): {
  readonly untilMs: number;
  readonly fingerprint: string;
  readonly outcome: string;
} {
  const [, until, fingerprint = '', outcome = ''] = /^(\d+) ([^\n]*)\n(.*)$/s.exec(text) ?? [];
  return { untilMs: numberOf(until), fingerprint, outcome };
}

/** From read-board.lua, which has left out what is over. */
export function boardOf(reply: readonly unknown[]): Board {
  const [counted, noticed, entries] = reply.map((part) => listOf(part).map(textOf));
  if (counted === undefined || noticed === undefined || entries === undefined) return unexpected();
  const counts: Record<string, number> = {};
  for (let i = 0; i < counted.length; i += 2) counts[counted[i] as string] = numberOf(counted[i + 1]);
  const notices: Notice[] = [];
  for (let i = 0; i < noticed.length; i += 3) {
    const [name, until, text] = noticed.slice(i, i + 3) as [string, string, string];
    notices.push({ name, text, untilMs: numberOf(until) });
  }
  return shownBoard({ counts, notices, entries }, 0);
}
