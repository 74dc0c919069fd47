import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { environmentOf } from './env-file.js';

describe('the file of the environment', () => {
  let directory: string;
  let file: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'waymark-env-'));
    file = join(directory, 'env');
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  it('adds variables; those of the environment win', () => {
    writeFileSync(file, 'PORT=1\nHOST=file\n# comment\n');
    expect(environmentOf({ ENV_FILE: file, PORT: '2' })).toEqual({ ENV_FILE: file, PORT: '2', HOST: 'file' });
  });

  it('may be missing', () => {
    expect(environmentOf({ ENV_FILE: file, PORT: '2' })).toEqual({ ENV_FILE: file, PORT: '2' });
  });

  it('is named when it cannot be read', () => {
    expect(() => environmentOf({ ENV_FILE: directory })).toThrow(/ENV_FILE=.*cannot be read \(EISDIR\)/);
  });
});
