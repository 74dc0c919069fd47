import { readFile } from 'node:fs/promises';
import { JsonText } from '../../client/index.js';
import type { Terminal } from './command.js';
import { UsageError } from './given.js';

/** The payload of --payload, `{}` by default. @throws UsageError */
export async function readPayload(given: string | undefined, terminal: Terminal): Promise<JsonText> {
  return given === undefined ? new JsonText('{}') : readJson('payload', given, terminal);
}

/** JSON of an option: `-` is stdin, JSON is itself, other text is the name of a file. @throws UsageError */
export async function readJson(option: string, given: string, { readInput }: Terminal): Promise<JsonText> {
  const fail = (name: string, what: string): never => {
    throw new UsageError(`--${option} ${name}: ${what}`);
  };
  if (given === '-') return asJson(await readInput()) ?? fail('stdin', 'is not JSON');
  const json = asJson(given);
  if (json !== undefined) return json;
  const content = await readFile(given, 'utf8').catch(({ code }: NodeJS.ErrnoException) =>
    fail(given, `is neither JSON nor a file that can be read (${code})`),
  );
  return asJson(content) ?? fail(given, 'is a file that is not JSON');
}

function asJson(text: string): JsonText | undefined {
  try {
    return JsonText.of(text);
  } catch {
    return undefined;
  }
}
