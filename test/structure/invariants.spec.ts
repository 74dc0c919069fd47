import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { describe, expect, it } from '@jest/globals';

const ROOT = join(import.meta.dirname, '../..');

/** Files by the number of each invariant that their cases name. */
function numbersInTests(): Map<number, string[]> {
  const places = new Map<number, string[]>();
  const files = readdirSync(join(ROOT, 'test'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((file) => file !== import.meta.filename)
    .toSorted();
  for (const file of files) {
    const named = readFileSync(file, 'utf8').matchAll(/\(invariants? ((?:\d+(?:, | and )?)+)/g);
    const numbers = new Set([...named].flatMap(([, list = '']) => list.match(/\d+/g)?.map(Number) ?? []));
    for (const number of numbers) places.set(number, [...(places.get(number) ?? []), relative(ROOT, file)]);
  }
  return places;
}

/** Files by the number of each invariant, according to the page. */
function numbersOnThePage(): Map<number, string[]> {
  const [, ...sections] = readFileSync(join(ROOT, 'docs/invariants.md'), 'utf8').split(/^## (?=\d)/m);
  return new Map(
    sections.map((section) => [
      Number.parseInt(section, 10),
      [...section.matchAll(/`(test\/[^`]+)`/g)].map(([, file = '']) => file).toSorted(),
    ]),
  );
}

describe('docs/invariants.md', () => {
  it('has exactly the numbers that names of cases refer to, and the files they stand in', () => {
    const sorted = (places: Map<number, string[]>) => Object.fromEntries(places);
    expect(sorted(numbersOnThePage())).toEqual(sorted(numbersInTests()));
  });

  it('counts from 1 without a gap', () => {
    const numbers = [...numbersOnThePage().keys()];
    expect(numbers).toEqual(numbers.map((_, i) => i + 1));
  });
});
