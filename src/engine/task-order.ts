import { isOpen, type TaskRecord } from './task.js';

/** Open tasks, newest first; then ended ones, last ended first. Ids break ties. */
export function openFirst(tasks: readonly TaskRecord[], limit: number): readonly TaskRecord[] {
  const latest = (at: (task: TaskRecord) => number) => (a: TaskRecord, b: TaskRecord) =>
    at(b) - at(a) || (a.id < b.id ? -1 : 1);
  const open = tasks.filter(({ status }) => isOpen(status)).toSorted(latest(({ createdAtMs }) => createdAtMs));
  const ended = tasks.filter(({ status }) => !isOpen(status)).toSorted(latest(({ endedAtMs }) => endedAtMs ?? 0));
  return [...open, ...ended].slice(0, limit);
}
