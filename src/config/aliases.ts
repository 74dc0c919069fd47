import { readFileSync } from 'node:fs';
import type { EnvironmentProblem } from './invalid-environment.error.js';
import { SETTINGS, type Setting } from './settings.js';

/**
 * The settings by their canonical names: older names are taken for the new ones, secrets are read from their files, and what is
 * empty counts as not given (compose files pass unset variables on as empty ones), but for DATA_DIR, where empty has a meaning.
 */
export function canonical(env: NodeJS.ProcessEnv, problems: EnvironmentProblem[]): Record<string, string> {
  const values: Record<string, string> = {};
  for (const setting of SETTINGS as readonly Setting[]) {
    const names = [setting.name, ...(setting.aliases ?? [])];
    const given = names.flatMap((name) => {
      const value = env[name] ?? (setting.secret && fileValue(env, name, problems));
      return value === undefined || (value === '' && name !== 'DATA_DIR') ? [] : [{ name, value }];
    });
    const [first, ...others] = given;
    if (first === undefined) continue;
    values[setting.name] = first.value;
    for (const other of others.filter(({ value }) => value !== first.value)) {
      problems.push({
        name: other.name,
        value: other.value,
        says: `disagrees with ${first.name}, which means the same; give one of them`,
      });
    }
  }
  return values;
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
