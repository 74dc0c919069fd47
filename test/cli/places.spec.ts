import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { runHere } from './run-here.js';

const HEADER = '{"kind":"header","format":"waymark","version":1,"atMs":1,"tenants":["default"]}';
const END = '{"kind":"end","queues":0,"boards":0,"workflows":0,"tasks":0,"damaged":0,"next":null}';
const QUEUE = '{"kind":"queue","tenant":"default","id":"q","isPaused":true}';

describe('The places of migrate, export, import, adopt, upgrade and doctor', () => {
  let directory: string;
  const home = process.cwd();
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'waymark-places-'));
    process.chdir(directory);
    await writeFile('whole.ndjson', `${HEADER}\n${QUEUE}\n${END.replace('"queues":0', '"queues":1')}\n`);
  });
  afterEach(async () => {
    process.chdir(home);
    await rm(directory, { recursive: true });
  });

  /** Nothing was made. */
  const expectUntouched = async () => expect(await readdir('.')).toEqual(['whole.ndjson']);

  it.each([
    ['localhost:6379', 'redis://localhost:6379'],
    ['redis:6379', 'redis://redis:6379'],
    ['10.0.0.1:4199', 'http://10.0.0.1:4199'],
    ['redi://10.0.0.1', 'redis://10.0.0.1'],
    ['redis//10.0.0.1:1', 'redis://10.0.0.1:1'],
    ['http:/127.0.0.1:4160', 'http://127.0.0.1:4160'],
    ['htp://127.0.0.1:4160', 'http://127.0.0.1:4160'],
    ['HTTP://127.0.0.1:4160', 'http://127.0.0.1:4160'],
    ['rediss//x', 'rediss://x'],
    ['redis', './redis'],
    ['prod', './prod'],
    ['backup.json', 'backup.ndjson'],
    ['./backup.json', './backup.ndjson'],
    ['ftp://10.0.0.1/data', undefined],
    ['redis://', undefined],
    ['http://', undefined],
    ['a b', undefined],
    ['', undefined],
  ])('refuse %j, which is none', async (text, meant) => {
    for (const args of [
      ['migrate', '--from', 'whole.ndjson', '--to', text],
      ['migrate', '--from', text, '--to', './new'],
      ['export', '--from', text],
      ['import', '--from', 'whole.ndjson', '--to', text],
    ]) {
      const { code, stdout, stderr } = await runHere(args);
      expect([args, code, stdout]).toEqual([args, 2, '']);
      expect(stderr).toContain(
        text === '' ? 'must not be empty' : `${text}: must be redis://<host>, http://<service>, a`,
      );
      if (meant !== undefined) expect(stderr).toContain(`did you mean ${meant}?`);
      else expect(stderr).not.toContain('did you mean');
    }
    await expectUntouched();
  });

  it.each([
    ['localhost', undefined],
    ['localhost:6379', 'redis://localhost:6379'],
    ['localhost:7001', 'redis://localhost:7001'],
    ['redi://10.0.0.1', 'redis://10.0.0.1'],
    ['http://10.0.0.1', undefined],
    ['./data', undefined],
  ])('refuse %j as a Redis', async (text, meant) => {
    for (const name of ['adopt', 'upgrade', 'doctor']) {
      const { code, stderr } = await runHere([name, '--redis', text]);
      expect([name, code]).toEqual([name, 2]);
      expect(stderr).toContain(`--redis ${text}: must be like redis://127.0.0.1:6379`);
      expect(stderr.includes('did you mean')).toBe(meant !== undefined);
      if (meant !== undefined) expect(stderr).toContain(`did you mean ${meant}?`);
    }
  });

  it('suggest the address of a service', async () => {
    const { code, stderr } = await runHere(['whoami', '--url', 'localhost:3000']);
    expect([code, stderr]).toEqual([2, expect.stringContaining('did you mean http://localhost:3000?')]);
  });

  it('show no password, not even of a wrong URL', async () => {
    for (const text of [
      'redis://user:secret@127.0.0.1:1',
      'redi://user:secret@10.0.0.1',
      'user:secret@10.0.0.1:6379',
    ]) {
      const { code, stderr } = await runHere(['migrate', '--from', text, '--to', './new']);
      expect(code).toBe(text.startsWith('redis:') ? 3 : 2);
      expect(stderr).not.toContain('secret');
      expect(stderr).toMatch(/127\.0\.0\.1|10\.0\.0\.1/);
    }
  });

  it('are shown as they are understood, before anything is done', async () => {
    const moved = await runHere(['migrate', '--from', 'whole.ndjson', '--to', './new']);
    expect([moved.code, moved.stderr.split('\n').slice(0, 2)]).toEqual([
      0,
      [`from: file ${process.cwd()}/whole.ndjson`, `to:   directory ${process.cwd()}/new`],
    ]);
    const exported = await runHere(['export', '--from', 'new', '--to', 'copy.ndjson']);
    expect([exported.code, exported.stderr.split('\n').slice(0, 2)]).toEqual([
      0,
      [`from: directory ${process.cwd()}/new`, `to:   file ${process.cwd()}/copy.ndjson`],
    ]);
    const imported = await runHere(['import', '--from', 'copy.ndjson', '--to', './third', '--namespace', 'n']);
    expect([imported.code, imported.stderr]).toEqual([
      0,
      expect.stringContaining(`to:   directory ${process.cwd()}/third`),
    ]);
    const away = await runHere(['adopt', '--redis', 'redis://:secret@127.0.0.1:1', '--namespace', 'n']);
    expect([away.code, away.stderr.split('\n')[0]]).toEqual([3, 'in: Redis redis://127.0.0.1:1, namespace n']);
  });

  it('must be two', async () => {
    await mkdir('data');
    await symlink('data', 'link');
    for (const [from, to] of [
      ['data', './data/'],
      ['data', 'link'],
      [join(directory, 'new'), './new'],
      ['whole.ndjson', './whole.ndjson'],
      ['redis://127.0.0.1:6379', 'redis://user:x@localhost/0'],
      ['rediss://h', 'redis://H:6379/'],
      ['http://127.0.0.1:3000', 'http://localhost:3000/'],
    ] as const) {
      const { code, stderr } = await runHere(['migrate', '--from', from, '--to', to]);
      expect([from, to, code, stderr]).toEqual([from, to, 2, expect.stringContaining('are the same place')]);
    }
    const file = await runHere(['export', '--from', 'whole.ndjson', '--to', 'whole.ndjson']);
    expect([file.code, file.stderr]).toEqual([2, expect.stringContaining('are the same file')]);
    const namespaces = ['--from-namespace', 'a', '--to-namespace', 'b'];
    const others = await runHere([
      'migrate',
      '--from',
      'redis://127.0.0.1:1',
      '--to',
      'redis://127.0.0.1:1',
      ...namespaces,
    ]);
    expect(others.code).toBe(3);
  });

  it('must exist where they are read, and nothing is made then', async () => {
    await mkdir('empty');
    for (const [args, expected] of [
      [['migrate', '--from', './nowhere', '--to', './new'], 1],
      [['migrate', '--from', './nowhere.ndjson', '--to', './new'], 1],
      [['migrate', '--from', 'empty', '--to', './new'], 1],
      [['export', '--from', './nowhere', '--to', 'new.ndjson'], 1],
      [['import', '--from', './nowhere.ndjson', '--to', './new'], 2],
      [['import', '--from', 'nowhere', '--to', './new'], 2],
      [['import', '--from', 'empty', '--to', './new'], 2],
    ] as const) {
      const { code, stdout, stderr } = await runHere(args);
      expect([args, code, stdout]).toEqual([args, expected, '']);
      expect(stderr).not.toMatch(/\n {4}at /);
    }
    expect((await readdir('.')).toSorted()).toEqual(['empty', 'whole.ndjson']);
  });

  it('of an export are files, and no other file is replaced', async () => {
    await writeFile('notes.txt', 'mine');
    await mkdir('there');
    for (const to of [
      'redis://127.0.0.1:6379',
      'localhost:6379',
      'prod',
      'notes.txt',
      'there',
      './no/such/dir.ndjson',
    ]) {
      const { code } = await runHere(['export', '--from', 'whole.ndjson', '--to', to]);
      expect([to, code]).toEqual([to, 2]);
    }
    expect(await readFile('notes.txt', 'utf8')).toBe('mine');
    for (const to of ['copy.ndjson', './copy', './copy', 'copy']) {
      const { code } = await runHere(['export', '--from', 'whole.ndjson', '--to', to]);
      expect([to, code]).toEqual([to, 0]);
    }
    const moved = await runHere(['migrate', '--from', 'whole.ndjson', '--to', 'notes.txt']);
    expect([moved.code, await readFile('notes.txt', 'utf8')]).toEqual([2, 'mine']);
  });

  it.each([
    ['empty', '', 'it is empty'],
    ['garbage', 'garbage\n', 'line 1: not JSON'],
    ['without a header', `${QUEUE}\n${END}\n`, 'the first line must be a header'],
    ['of another format', `${HEADER.replace('"version":1', '"version":9')}\n`, 'format 9'],
  ])('take nothing from a stream that is %s', async (_what, content, why) => {
    await writeFile('wrong.ndjson', content);
    const fromFile = await runHere(['import', '--from', 'wrong.ndjson', '--to', './new']);
    const fromPipe = await runHere(['import', '--to', './new'], {}, content);
    for (const { code, stdout, stderr } of [fromFile, fromPipe]) {
      expect([code, stdout]).toEqual([1, '']);
      expect(stderr).toMatch(/not an export/);
      expect(stderr).toContain(why);
      expect(stderr).not.toMatch(/\n {4}at /);
    }
    const moved = await runHere(['migrate', '--from', 'wrong.ndjson', '--to', './other']);
    expect([moved.code, moved.stdout, moved.stderr]).toEqual([1, '', expect.stringMatching(/not an export|format 9/)]);
  });

  it('say what is missing where a stream was cut', async () => {
    const cut = await runHere(['import', '--to', './new'], {}, `${HEADER}\n${QUEUE}\n`);
    expect([cut.code, JSON.parse(cut.stdout)]).toEqual([1, expect.objectContaining({ created: 1, complete: false })]);
    expect(cut.stderr).toContain('there is no end line');
    const fewer = await runHere(
      ['import', '--to', './new'],
      {},
      `${HEADER}\n${END.replace('"queues":0', '"queues":2')}\n`,
    );
    expect([fewer.code, JSON.parse(fewer.stdout)]).toEqual([1, expect.objectContaining({ complete: false })]);
    expect(fewer.stderr).toContain('counts 2 queues, but 0 were received');
  });

  it('show the first problems, how many more there are, and all of them in a file', async () => {
    const lines = [HEADER, ...Array.from({ length: 150 }, () => 'garbage'), END].join('\n');
    const some = await runHere(['import', '--to', './new'], {}, lines);
    expect(some.code).toBe(1);
    expect(some.stderr.match(/^line \d+: not JSON$/gm)).toHaveLength(100);
    expect(some.stderr).toContain('50 more problems are not shown; --problems <file> lists all');
    const all = await runHere(['import', '--to', './new', '--problems', 'problems.ndjson'], {}, lines);
    expect(all.stderr).toContain('50 more problems are not shown; problems.ndjson lists all');
    const listed = (await readFile('problems.ndjson', 'utf8')).trimEnd().split('\n');
    expect([listed.length, listed.at(-1)]).toEqual([150, '{"line":151,"message":"not JSON"}']);
  });

  it('name what an export could not read, and are not complete then', async () => {
    const damaged = '{"kind":"damaged","tenant":"t","of":"workflow","id":"w","message":"its key \\u001b[2J is taken"}';
    await writeFile('damaged.ndjson', `${HEADER}\n${damaged}\n${END.replace('"damaged":0', '"damaged":1')}\n`);
    const imported = await runHere(['import', '--from', 'damaged.ndjson', '--to', './new']);
    expect([imported.code, JSON.parse(imported.stdout)]).toEqual([
      1,
      expect.objectContaining({ damaged: 1, problems: 1 }),
    ]);
    expect(imported.stderr).toContain('workflow w of tenant t: its key ?[2J is taken');
    const again = await runHere(['export', '--from', 'damaged.ndjson']);
    expect([again.code, again.stdout.split('\n')[1]]).toEqual([4, damaged]);
    expect(again.stderr).toContain('damaged: workflow w of tenant t: its key ?[2J is taken');
    for (const args of [
      ['--to', './new'],
      ['--to', './new', '--dry-run'],
      ['--to', 'copy.ndjson'],
    ]) {
      const moved = await runHere(['migrate', '--from', 'damaged.ndjson', ...args]);
      expect([args, moved.code]).toEqual([args, 1]);
      expect(moved.stderr).toContain('damaged: workflow w of tenant t: its key ?[2J is taken');
      expect(moved.stdout).not.toContain('Migration complete!');
    }
    const json = await runHere(['migrate', '--from', 'damaged.ndjson', '--to', './new', '--json']);
    const events = json.stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as object);
    expect(events).toContainEqual(expect.objectContaining({ event: 'damaged', tenant: 't', of: 'workflow', id: 'w' }));
    expect(events.at(-1)).toMatchObject({ event: 'done', ok: false, damaged: 1 });
  });

  it('show progress on a terminal only, and never on stdout', async () => {
    for (const [args, titles] of [
      [
        ['export', '--from', 'whole.ndjson', '--to', 'copy.ndjson'],
        ['count', 'export'],
      ],
      [['import', '--from', 'whole.ndjson', '--to', './new'], ['import']],
      [
        ['migrate', '--from', 'whole.ndjson', '--to', './other'],
        ['count', 'copy', 'catch-up', 'verify'],
      ],
    ] as const) {
      const shown: string[] = [];
      const { code, stdout, stderr } = await runHere(args, {}, '', { status: (line) => void shown.push(line) });
      expect([args, code]).toEqual([args, 0]);
      for (const title of titles) expect(shown.some((line) => line.startsWith(title.padEnd(10)))).toBe(true);
      expect(shown.at(-1)).toBe('');
      expect(stdout + stderr).not.toMatch(/\/s\b/);
    }
    const quiet: string[] = [];
    await runHere(['export', '--from', 'whole.ndjson', '--quiet'], {}, '', { status: (line) => void quiet.push(line) });
    expect(quiet).toEqual([]);
  });
});
