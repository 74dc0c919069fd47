import { readFile } from 'node:fs/promises';
import { JsonText } from '../../client/index.js';
import type { Terminal } from './command.js';
import { UsageError } from './given.js';

/** `-` is stdin, JSON is the payload itself, other text is the name of a file. @throws UsageError */
export async function readPayload(given: string | undefined, { readInput }: Terminal): Promise<JsonText> {
  if (given === undefined) return new JsonText('{}');
  if (given === '-') return asJson(await readInput()) ?? fail('stdin', 'is not JSON');
  return asJson(given) ?? asJson(await contentOf(given)) ?? fail(given, 'is a file that is not JSON');
}

async function contentOf(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    return fail(file, `is neither JSON nor a file that can be read (${(error as NodeJS.ErrnoException).code})`);
  }
}

function asJson(text: string): JsonText | undefined {
  try {
    return JsonText.of(text);
  } catch {
    return undefined;
  }
}

function fail(name: string, what: string): never {
  throw new UsageError(`--payload ${name}: ${what}`);
}
