export interface EnvironmentProblem {
  readonly name: string;
  readonly value: string | undefined;
  readonly says: string;
}

/** All problems of the environment at once, so that one correction is enough. */
export class InvalidEnvironmentError extends Error {
  constructor(readonly problems: readonly EnvironmentProblem[]) {
    super(`The configuration is not valid:\n${problems.map((problem) => `  ${lineOf(problem)}`).join('\n')}`);
    this.name = 'InvalidEnvironmentError';
  }
}

function lineOf({ name, value, says }: EnvironmentProblem): string {
  return value === undefined
    ? `${name}: ${says}`
    : `${name}=${value.includes('***') ? value : JSON.stringify(value)}: ${says}`;
}
