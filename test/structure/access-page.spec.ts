import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { readConfig } from '../../src/config/read-config.js';
import { maskOf, ROLES, TENANT_SCOPES } from '../../src/access/scopes.js';

const page = readFileSync(new URL('../../docs/access.md', import.meta.url), 'utf8');

/** Cells of the table under a heading. */
function tableUnder(heading: string): string[][] {
  const [, section = ''] = page.split(`\n## ${heading}\n`);
  const rows = [...(section.split('\n## ')[0] ?? '').matchAll(/^\|(.+)\|$/gm)];
  return rows.map(([, row = '']) => row.split('|').map((cell) => cell.trim()));
}

describe('docs/access.md', () => {
  it('says of every scope which roles have it', () => {
    const [head = [], , ...rows] = tableUnder('Roles and scopes');
    const roles = head.slice(1, -1) as (keyof typeof ROLES)[];
    expect([...roles, 'operator']).toEqual(Object.keys(ROLES));
    const expected = TENANT_SCOPES.map((scope) => [
      `\`${scope}\``,
      ...roles.map((role) => ((ROLES[role] & maskOf([scope])) !== 0 ? 'yes' : '–')),
    ]);
    expect(rows.map((row) => row.slice(0, -1))).toEqual(expected);
  });

  it('names the settings of tokens as they are read', () => {
    const [, block = ''] = /```sh\n([^]*?)```/.exec(page) ?? [];
    const env = Object.fromEntries([...block.matchAll(/^(\w+)=(\S+)/gm)].map(([, name, value]) => [name, value]));
    expect(readConfig(env).jwt).toMatchObject({ issuer: 'https://id.example.com/', audiences: ['waymark'] });
  });

  it('describes tokens as they are made', async () => {
    const { newKeyId, newToken } = await import('../../src/access/token.js');
    const pattern = new RegExp(`^${/`(wm\(k.+)`/.exec(page)?.[1]}$`);
    for (let i = 0; i < 20; i++) {
      expect(newToken({ kind: 'key', tenant: 'a_b-c', id: newKeyId() })).toMatch(pattern);
      expect(newToken({ kind: 'operator', id: newKeyId() })).toMatch(pattern);
    }
  });
});
