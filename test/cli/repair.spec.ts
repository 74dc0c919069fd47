import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { fill } from '../support/migration-load.js';
import { WITH_OPERATOR } from '../support/operator.js';
import { startService } from '../support/service-process.js';
import { runHere } from './run-here.js';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'waymark-repair-'));
});
afterEach(async () => {
  await rm(directory, { recursive: true, force: true });
});
const path = (name: string) => join(directory, name);

async function serve(name: string) {
  return startService({ ...WITH_OPERATOR, DATA_DIR: path(name) });
}

it('waymark repair saves what is whole, names what is lost, and its directory can be served and exported', async () => {
  const service = await serve('data');
  await fill(service.url, 20);
  const body = JSON.stringify({ said: 'before the damage' });
  const headers = { 'content-type': 'application/json' };
  await fetch(`${service.url}/v1/workflows/hit/state`, { method: 'PUT', headers, body });
  await service.stop();
  const whole = await runHere(['repair', '--from', path('data'), '--to', path('copy')]);
  expect(whole).toMatchObject({ code: 0, stderr: '' });
  expect(whole.stdout).toMatch(/^saved in \S+copy: \d+ [^]*\nnothing is damaged\n$/);

  const file = join(path('data'), 'waymark.mdb');
  const bytes = await readFile(file);
  for (let at = bytes.indexOf('before the damage'); at >= 0; at = bytes.indexOf('before the damage', at))
    bytes[at] = 0x63;
  await writeFile(file, bytes);
  const refused = await runHere(['export', '--from', path('data'), '--to', path('backup.ndjson')]);
  expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining('wrong checksum). Restore a copy')]);
  const saved = await runHere(['repair', '--from', path('data'), '--to', path('saved')]);
  expect(saved.code).toBe(1);
  expect(saved.stderr).toMatch(/^damaged: page \d+, key ".*hit.*" of "versions": wrong checksum\n/);
  expect(saved.stderr).toContain('left out: default: workflow hit: its current version 1 is lost');
  expect(saved.stdout).toMatch(/\nlost: 1 versions\n$/);

  const exported = await runHere(['export', '--from', path('saved'), '--to', path('backup.ndjson')]);
  expect(exported.code).toBe(0);
  const again = await serve('saved');
  expect((await fetch(`${again.url}/v1/workflows/hit`)).status).toBe(404);
  const list = (await (await fetch(`${again.url}/v1/workflows/count`)).json()) as unknown;
  expect(JSON.stringify(list)).toContain('20');
  await again.stop();
});

it('waymark repair refuses a target with files, and a source without a journal', async () => {
  await writeFile(path('something'), '');
  const refusals = [
    await runHere(['repair', '--from', path('none'), '--to', path('to')]),
    await runHere(['repair', '--from', path('none')]),
  ];
  expect(refusals).toMatchObject([
    { code: 1, stderr: expect.stringContaining('none is not a data directory: it has no waymark.mdb') },
    { code: 2, stderr: expect.stringContaining('--to is missing') },
  ]);
});

it('waymark repair makes no directory of a name that may be a typing mistake', async () => {
  await writeFile(path('a-file.ndjson'), '');
  const repair = (from: string, to: string) => runHere(['repair', '--from', from, '--to', to]);
  const refusals = [
    await repair(path('data'), 'repaired'),
    await repair(path('data'), 'localhost:6379'),
    await repair('redi://localhost', path('to')),
    await repair(path('a-file.ndjson'), path('to')),
  ];
  expect(refusals).toMatchObject([
    { code: 2, stderr: expect.stringMatching(/--to repaired: must be .*did you mean \.\/repaired\?/) },
    { code: 2, stderr: expect.stringContaining('did you mean redis://localhost:6379?') },
    { code: 2, stderr: expect.stringContaining('did you mean redis://localhost?') },
    { code: 2, stderr: expect.stringContaining('must not be a file here') },
  ]);
  expect([existsSync('repaired'), existsSync('localhost:6379'), existsSync(path('to'))]).toEqual([false, false, false]);
});
