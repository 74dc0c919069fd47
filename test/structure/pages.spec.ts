import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';

const root = fileURLToPath(new URL('../../', import.meta.url));
const files = (folder: string) =>
  readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length));
const read = (file: string) => readFileSync(join(root, file), 'utf8');

const pages = [...readdirSync(root), ...files('docs'), 'bench/README.md'].filter((file) => file.endsWith('.md'));
const sources = ['src', 'test', 'scripts', 'bin'].flatMap(files).filter((file) => /\.(ts|mjs|lua)$/.test(file));

/** Headings of a page as its links name them. */
const anchors = (page: string) =>
  [...read(page).matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N} -]/gu, '')
      .replaceAll(' ', '-'),
  );

/** Names with a wildcard or a placeholder stand for many files; their folder must be there. */
function isThere(path: string): boolean {
  const fixed = path.split(/[*<…]/)[0] as string;
  return existsSync(join(root, fixed === path ? path : dirname(`${fixed}x`)));
}

describe('the pages', () => {
  it.each(pages)('%s links to what is there', (page) => {
    for (const [, target = ''] of read(page).matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^[a-z]+:/.test(target)) continue;
      const [path = '', anchor] = target.split('#');
      const linked = path === '' ? page : normalize(join(dirname(page), path));
      expect([linked, existsSync(join(root, linked))]).toEqual([linked, true]);
      if (anchor !== undefined) expect(anchors(linked)).toContain(anchor);
    }
  });

  it.each(pages)('%s names files that are there', (page) => {
    const named = [
      ...read(page).matchAll(
        /(?<![\w./<-])(?:\.\.\/)?((?:src|test|docs|scripts|bench|bin|examples)\/[\w./*<>…-]*[\w<>*…-])/g,
      ),
    ];
    expect(named.map(([, path = '']) => path.replace(/[.…*]+$/, '')).filter((path) => !isThere(path))).toEqual([]);
  });

  it('has every page of docs in docs/README.md, and every decision in its index', () => {
    const index = read('docs/README.md');
    const decisions = read('docs/decisions/README.md');
    for (const page of readdirSync(join(root, 'docs')).filter(
      (name) => /\.(md|yaml)$/.test(name) && name !== 'README.md',
    ))
      expect(index).toContain(`](${page})`);
    for (const page of readdirSync(join(root, 'docs/decisions')).filter((name) => name !== 'README.md'))
      expect(decisions).toContain(`](${page})`);
  });

  it.each(pages)('%s has lines of at most 120 characters', (page) => {
    expect(
      read(page)
        .split('\n')
        .filter((line) => [...line].length > 120),
    ).toEqual([]);
  });

  it('are there where the code names them', () => {
    const named = sources.flatMap((file) =>
      [...read(file).matchAll(/\b(?:docs\/[\w-]+\.(?:md|yaml)|[A-Z]{3,}\.md)/g)].map(([page]) => page),
    );
    expect([...new Set(named)].filter((page) => !existsSync(join(root, page)))).toEqual([]);
  });
});

describe('the README', () => {
  it('has at most 220 lines', () => {
    expect(read('README.md').split('\n').length).toBeLessThanOrEqual(220);
  });
});
