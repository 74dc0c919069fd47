import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from '@jest/globals';

const run = promisify(execFile);
const main = resolve(import.meta.dirname, '../../bench/main.mjs');

it('the benchmark runs, and measures both the baseline and the service', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'waymark-bench-'));
  try {
    const file = join(folder, 'results.json');
    await run(process.execPath, [main, 'get', '--quick', '--engine', 'redis', '--json', file]);
    const { requests } = JSON.parse(readFileSync(file, 'utf8')) as {
      requests: { name: string; base: { cpu: number[] }; own: { cpu: number[] } }[];
    };
    expect(requests.map(({ name }) => name)).toEqual(['GET 1 KB', 'GET /state 1 KB', 'GET 64 KB', 'GET /state 64 KB']);
    for (const { base, own } of requests)
      expect([base.cpu[0], own.cpu[0]].every((micros) => (micros ?? 0) > 0)).toBe(true);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
