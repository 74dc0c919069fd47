import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from '@jest/globals';

const root = join(import.meta.dirname, '../..');

it('the specs that start first are there, each of them once', () => {
  const names = JSON.parse(readFileSync(join(root, 'scripts/longest-specs.json'), 'utf8')) as string[];
  expect(names.filter((name) => !existsSync(join(root, name)))).toEqual([]);
  expect(new Set(names).size).toBe(names.length);
});
