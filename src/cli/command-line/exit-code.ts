/** What a command ends with; docs/worker-kit.md has them too. */
export const EXIT = {
  ok: 0,
  /** Something was refused, or a check did not hold. */
  failed: 1,
  /** The command line is wrong; nothing was done. */
  usage: 2,
  /** Nobody answers at the URL. */
  unreachable: 3,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];
