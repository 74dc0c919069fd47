import { UnreadableReplyError } from '../../errors.js';

/** Refuses a reply of unexpected shape instead of guessing its meaning. */
export function unexpected(): never {
  throw new UnreadableReplyError();
}

export function textOf(value: unknown): string {
  return typeof value === 'string' ? value : unexpected();
}

export function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? (value as unknown[]) : unexpected();
}

export function numberOf(text: string | undefined): number {
  const value = Number(text);
  return text !== undefined && Number.isFinite(value) ? value : unexpected();
}

/** A flat list in groups, such as names and values in turn. */
export function groupsOf<T>(list: readonly T[], size: number): T[][] {
  return Array.from({ length: list.length / size }, (_, i) => list.slice(i * size, (i + 1) * size));
}

/** A list in JSON of a script: cjson writes an empty one as an empty object. */
export function keptListOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? (value as unknown[]) : [];
}
