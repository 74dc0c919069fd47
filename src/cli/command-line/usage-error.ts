/** The command line is wrong. The message says where; the usage follows it. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}
