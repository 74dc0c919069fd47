import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { findCredential } from './credential.js';
import type { Use } from './given.js';

const LOCAL = 'http://127.0.0.1:3000';
const REMOTE = 'https://waymark.example.com';
const KEY = 'wmk_acme_key';
const OPERATOR_KEY = 'wmo_key';

describe('the credential of a command', () => {
  let directory: string;
  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'waymark-credential-'));
    writeFileSync(join(directory, 'operator-token'), 'wmo_local\n');
    writeFileSync(join(directory, 'key'), `${KEY}\n`);
    writeFileSync(join(directory, 'empty'), '\n');
  });
  afterAll(() => rmSync(directory, { recursive: true }));

  const found = (use: Use, url: string, env: NodeJS.ProcessEnv) =>
    findCredential({ DATA_DIR: directory, ...env }, url, use)?.read();

  it.each<[Use, string, NodeJS.ProcessEnv, string | undefined]>([
    ['data', REMOTE, { WAYMARK_API_KEY: KEY, ADMIN_TOKEN: 'admin' }, KEY],
    ['data', LOCAL, { ADMIN_TOKEN: 'admin' }, 'admin'],
    ['data', 'http://localhost:3000', { ADMIN_TOKEN: 'admin' }, 'admin'],
    ['data', 'http://[::1]:3000', { ADMIN_TOKEN: 'admin' }, 'admin'],
    // A secret of the operator does not leave the machine for a worker.
    ['data', REMOTE, { ADMIN_TOKEN: 'admin' }, undefined],
    ['data', 'http://127.0.0.1.example.com', { ADMIN_TOKEN: 'admin' }, undefined],
    ['data', LOCAL, {}, undefined],
    ['manage', REMOTE, { WAYMARK_API_KEY: KEY, ADMIN_TOKEN: 'admin' }, KEY],
    ['manage', REMOTE, { ADMIN_TOKEN: 'admin' }, 'admin'],
    ['manage', LOCAL, {}, 'wmo_local'],
    ['manage', REMOTE, {}, undefined],
    ['operate', REMOTE, { WAYMARK_API_KEY: KEY, ADMIN_TOKEN: 'admin' }, 'admin'],
    ['operate', REMOTE, { WAYMARK_API_KEY: OPERATOR_KEY, ADMIN_TOKEN: 'admin' }, OPERATOR_KEY],
    ['operate', LOCAL, { WAYMARK_API_KEY: KEY }, 'wmo_local'],
    ['operate', REMOTE, { WAYMARK_API_KEY: KEY }, KEY],
    ['operate', LOCAL, { ADMIN_TOKEN: '' }, 'wmo_local'],
    ['operate', LOCAL, { DATA_DIR: '/nowhere' }, undefined],
  ])('for %s at %s with %j is %s', (use, url, env, expected) => {
    expect(found(use, url, env)).toBe(expected);
  });

  it('comes from a file too, as it is when it is sent', () => {
    const file = join(directory, 'key');
    const credential = findCredential({ WAYMARK_API_KEY_FILE: file }, REMOTE, 'data');
    expect(credential?.source).toBe('WAYMARK_API_KEY_FILE');
    expect(credential?.read()).toBe(KEY);
    writeFileSync(file, 'wmk_acme_rotated');
    expect(credential?.read()).toBe('wmk_acme_rotated');
    // A file that is being written is empty for a moment, or not there.
    writeFileSync(file, '');
    expect(credential?.read()).toBe('wmk_acme_rotated');
    rmSync(file);
    expect(credential?.read()).toBe('wmk_acme_rotated');
  });

  it('is missed when its file is, and not replaced by another one', () => {
    const env = { WAYMARK_API_KEY_FILE: '/nowhere', ADMIN_TOKEN: 'admin' };
    expect(() => found('manage', LOCAL, env)).toThrow('WAYMARK_API_KEY_FILE: /nowhere cannot be read (ENOENT)');
    const empty = join(directory, 'empty');
    expect(() => found('manage', LOCAL, { WAYMARK_API_KEY_FILE: empty })).toThrow(`${empty} is empty`);
  });

  it('is no token file that another user owns', () => {
    if (process.getuid?.() === 0) return;
    chmodSync(join(directory, 'operator-token'), 0);
    expect(found('manage', LOCAL, {})).toBeUndefined();
  });
});
