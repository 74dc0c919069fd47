import { SETTINGS, type Setting } from './settings.js';

export interface EnvironmentProblem {
  readonly name: string;
  readonly value: string | undefined;
  readonly says: string;
}

/** Everything that is wrong with the environment, at once, so that it is put right in one go. */
export class InvalidEnvironmentError extends Error {
  constructor(readonly problems: readonly EnvironmentProblem[]) {
    super(`The configuration is not valid:\n${problems.map((problem) => `  ${lineOf(problem)}`).join('\n')}`);
    this.name = 'InvalidEnvironmentError';
  }
}

function lineOf({ name, value, says }: EnvironmentProblem): string {
  return value === undefined ? `${name}: ${says}` : `${name}=${shown(name, value)}: ${says}`;
}

/** A secret is never shown, not even a wrong one; of a URL at least the part that is none. */
function shown(name: string, value: string): string {
  const setting: Setting | undefined = SETTINGS.find(
    (one) => one.name === name || (one as Setting).aliases?.includes(name),
  );
  if (setting?.secret === undefined) return JSON.stringify(value);
  const [, scheme, address] = /^([a-z]+:\/\/)(?:.*@)?([^@]*)$/.exec(value) ?? [];
  return scheme !== undefined && value.includes('@') ? `${scheme}***@${address}` : '***';
}
