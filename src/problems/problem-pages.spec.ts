import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { PROBLEMS } from '../http/problems.js';
import { asHtml, asMarkdown, problemPages } from './problem-pages.js';

const markdown = readFileSync(new URL('../../docs/problems.md', import.meta.url), 'utf8');

describe('the pages about problems', () => {
  const pages = problemPages(markdown);

  it('explain every code, in plain paragraphs', () => {
    expect(pages.size).toBe(Object.keys(PROBLEMS).length);
    for (const page of pages.values()) {
      expect(page.paragraphs.length).toBeGreaterThan(0);
      for (const text of page.paragraphs) expect(text).not.toMatch(/^[#|-]|\]\(|\n/);
    }
  });

  it('are Markdown or HTML', () => {
    const page = { title: 'LOST <A> (409 Lost)', paragraphs: ['See `a < b`, **not** docs/live.md.', 'Repeat & wait.'] };
    expect(asMarkdown(page)).toBe('# LOST <A> (409 Lost)\n\nSee `a < b`, **not** docs/live.md.\n\nRepeat & wait.\n');
    expect(asHtml(page)).toContain('<h1>LOST &lt;A&gt; (409 Lost)</h1>');
    expect(asHtml(page)).toContain(
      '<p>See <code>a &lt; b</code>, <strong>not</strong> docs/live.md.</p>\n<p>Repeat &amp; wait.</p>',
    );
  });

  it('need every section', () => {
    expect(() => problemPages(markdown.replace('### `LEASE_LOST` 409', '### `LEASE_GONE` 409'))).toThrow(
      'does not explain LEASE_LOST 409',
    );
  });
});
