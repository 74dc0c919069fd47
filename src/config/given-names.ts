import { readFileSync } from 'node:fs';
import type { EnvironmentProblem } from './invalid-environment.error.js';
import { SETTINGS } from './environment.js';

export interface GivenSettings {
  /** Values by canonical name: aliases are resolved, and secrets are read from their files. */
  readonly values: Readonly<Record<string, string>>;
  /** The alias that was given instead of a canonical name. */
  readonly aliases: ReadonlyMap<string, string>;
}

/**
 * Settings that were given. An empty value counts as not given, because compose files pass unset variables as empty
 * ones. An empty DATA_DIR means in memory.
 */
export function givenSettings(env: NodeJS.ProcessEnv, problems: EnvironmentProblem[]): GivenSettings {
  const values: Record<string, string> = {};
  const aliases = new Map<string, string>();
  for (const setting of SETTINGS) {
    const given = [setting.name, ...(setting.aliases ?? [])].flatMap((name) => {
      const value = env[name] ?? (setting.secret && fileValue(env, name, problems));
      return value === undefined || (value === '' && name !== 'DATA_DIR') ? [] : [{ name, value }];
    });
    const [first, ...others] = given;
    if (first === undefined) continue;
    values[setting.name] = first.value;
    if (first.name !== setting.name) aliases.set(setting.name, first.name);
    for (const { name, value } of others.filter(({ value }) => value !== first.value))
      problems.push({ name, value, says: `disagrees with ${first.name}, which means the same; give one of them` });
  }
  return { values, aliases };
}

function fileValue(env: NodeJS.ProcessEnv, name: string, problems: EnvironmentProblem[]): string | undefined {
  const path = env[`${name}_FILE`];
  if (path === undefined || path === '') return undefined;
  try {
    return readFileSync(path, 'utf8').trimEnd();
  } catch {
    problems.push({ name: `${name}_FILE`, value: path, says: 'cannot be read' });
    return undefined;
  }
}

/** A problem under the name that was given, with secrets masked. */
export function asGiven({ name, value, says }: EnvironmentProblem, { aliases }: GivenSettings): EnvironmentProblem {
  const isSecret = SETTINGS.some((one) => one.secret && (one.name === name || one.aliases?.includes(name)));
  return {
    name: aliases.get(name) ?? name,
    value: value !== undefined && isSecret ? masked(value) : value,
    says: says.replace(/\b[A-Z][A-Z0-9]*(_[A-Z0-9]+)+\b/g, (named) => aliases.get(named) ?? named),
  };
}

/** Masks a value; in a URL only the user and the password. */
function masked(value: string): string {
  const [, scheme, address] = /^([a-z]+:\/\/)(?:.*@)?([^@]*)$/.exec(value) ?? [];
  return scheme !== undefined && value.includes('@') ? `${scheme}***@${address}` : '***';
}
