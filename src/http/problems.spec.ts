import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { ERROR_CODES } from '../service-error.js';
import { PROBLEMS, problemType } from './problems.js';

const page = readFileSync(new URL('../../docs/problems.md', import.meta.url), 'utf8');
const documented = [...page.matchAll(/^### `([A-Z_]+)` (\d{3})$/gm)].map(([, code, status]) => [code, Number(status)]);

describe('the catalogue of problems', () => {
  it('is explained to clients code by code, with the status each one has', () => {
    expect(documented).toEqual(ERROR_CODES.map((code) => [code, PROBLEMS[code].status]));
  });

  it('names each type after its code', () => {
    expect(problemType('VERSION_CONFLICT')).toBe('/problems/version-conflict');
  });
});
