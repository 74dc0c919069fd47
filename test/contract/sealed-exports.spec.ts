import { randomUUID } from 'node:crypto';
import { readFile, rm, writeFile as write } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Engine } from '../../src/engine/engine.js';
import { openMemoryEngine } from '../../src/engine/memory/open-memory-engine.js';
import { ACCESS_TENANT, accessTenantOf } from '../../src/engine/profile.js';
import type { Keyring } from '../../src/access/seal/keyring.js';
import { exportLines, KINDS } from '../../src/migration/export-lines.js';
import { headerOf, textOfLine } from '../../src/migration/lines.js';
import { FileMoving } from '../../src/migration/file-moving.js';
import { Importer } from '../../src/migration/importer.js';
import { writeFile } from '../../src/migration/write-file.js';
import { TestClock } from '../support/clock.js';
import { fastDirectory } from '../support/fast-directory.js';
import { keyringWith, newEncryptionKey, NO_KEYS } from '../support/keyrings.js';
import { digestsOf, moveAll } from '../support/moving.js';
import { testIndex } from '../support/parts.js';
import { startRedisProcess, type RedisProcess } from '../support/redis-process.js';
import { refusalOf } from '../support/refusal.js';
import { TestTenant } from '../support/tenant.js';
import { fillWithHidden } from './cases/erasing.js';
import { testOptions } from './engine-under-test.js';
import { openRedisEngine } from './redis-under-test.js';

const NAMES = ['default', 'acme', ACCESS_TENANT, accessTenantOf('default'), accessTenantOf('acme')];
const HIDDEN = NAMES.filter((name) => name.startsWith('.'));
const PLANTED = 'planted-digest-of-a-key';

describe('A sealed export', () => {
  const key = newEncryptionKey();
  const keyring = keyringWith(key);
  let redis: RedisProcess;
  let directory: string;
  let clock: TestClock;
  let source: Engine;
  let open: (() => Promise<void>)[];
  beforeAll(async () => {
    redis = await startRedisProcess();
  });
  afterAll(() => redis.stop());
  beforeEach(async () => {
    directory = await fastDirectory('waymark-sealed-');
    clock = new TestClock();
    open = [];
    source = await onDisk();
    for (const name of ['default', 'acme']) {
      await fillWithHidden({ clock }, new TestTenant(source, name));
      await new TestTenant(source, accessTenantOf(name)).put('key:2', { digest: PLANTED });
      await new TestTenant(source, ACCESS_TENANT).put(`tenant:${name}`, { status: 'active', note: PLANTED });
    }
  });
  afterEach(async () => {
    for (const close of open) await close();
    await rm(directory, { recursive: true });
  });

  async function onDisk(): Promise<Engine> {
    const dataDir = join(directory, randomUUID());
    const parts = { options: testOptions, index: testIndex, clock: clock.read, dataDir, sweeps: false };
    const engine = await openMemoryEngine(parts);
    open.push(() => engine.close());
    return engine;
  }
  async function onRedis(): Promise<Engine> {
    const opened = await openRedisEngine(redis.port);
    opened.clock.advance(clock.ms - opened.clock.ms);
    open.push(() => opened.close());
    return opened.engine;
  }
  const everything = async (engine: Engine, names = NAMES) =>
    Object.fromEntries(await Promise.all(names.map(async (name) => [name, await digestsOf(engine, name)])));
  const nothing = Object.fromEntries(NAMES.map((name) => [name, {}]));
  async function linesOf(from: Engine, with_ = keyring): Promise<string[]> {
    let text = '';
    for await (const some of exportLines(from.moving, { view: 'records', kinds: KINDS, access: 'sealed' }, with_))
      text += some;
    return text.trimEnd().split('\n');
  }
  const taking = (to: Engine, lines: Iterable<string>, with_: Keyring = keyring) =>
    new Importer(to.moving, { onConflict: 'fail', isDryRun: false, keyring: with_ }).take(
      (async function* () {
        // A piece has a header that says nothing of seals.
        let isFirst = true;
        for (const line of lines) {
          if (isFirst && !line.startsWith('{"kind":"header"')) yield textOfLine(headerOf(0, []));
          isFirst = false;
          yield line;
        }
      })(),
    );
  const changed = (line: string | undefined, change: object) =>
    JSON.stringify({ ...(JSON.parse(line ?? '') as object), ...change });
  const sealedAmong = (lines: readonly string[]) =>
    lines.flatMap((line, at) => (line.startsWith('{"kind":"sealed"') ? [at] : []));

  it('carries everything from engine to engine, and shows nothing of hidden tenants but names', async () => {
    const before = await everything(source);
    const first = await linesOf(source);
    const there = await onRedis();
    expect(await taking(there, first)).toMatchObject({ isComplete: true, problemCount: 0 });
    expect(await everything(there)).toEqual(before);
    const second = await linesOf(there);
    const back = await onDisk();
    expect(await taking(back, second)).toMatchObject({ isComplete: true, problemCount: 0 });
    expect(await everything(back)).toEqual(before);
    // A repeat changes nothing.
    expect((await taking(back, first)).counts).toMatchObject({ created: 0, updated: 0, conflict: 0 });

    for (const lines of [first, second]) {
      const text = lines.join('\n');
      expect(text).not.toContain(PLANTED);
      const sealed = sealedAmong(lines).map((at) => JSON.parse(lines[at] ?? '') as Record<string, unknown>);
      const count = HIDDEN.reduce((sum, name) => sum + Object.keys(before[name] as object).length, 0);
      expect(sealed).toHaveLength(count);
      for (const { tenant, record } of sealed) {
        expect(HIDDEN).toContain(tenant);
        expect(record).toMatch(/^wmenc1\./);
      }
      const plain = lines
        .filter((line) => !line.startsWith('{"kind":"sealed"'))
        .map((line) => JSON.parse(line) as object);
      expect(plain.filter((line) => 'tenant' in line && HIDDEN.includes(String(line.tenant)))).toEqual([]);
    }
    expect(first.join('\n')).not.toBe(second.join('\n'));
  });

  it('is read as a file', async () => {
    const file = join(directory, 'all.ndjson');
    await writeFile(source.moving, file, () => undefined, { access: 'sealed', keyring });
    expect(await readFile(file, 'utf8')).not.toContain(PLANTED);
    const moving = await FileMoving.open(file, keyringWith(newEncryptionKey(), key));
    try {
      const to = await onRedis();
      for (const name of await moving.listTenants()) {
        // Only the part of an engine that moves records is needed.
        await moveAll({ moving } as unknown as Engine, name, to, name);
      }
      expect(await everything(to)).toEqual(await everything(source));
    } finally {
      await moving.close();
    }
    await expect(FileMoving.open(file, keyringWith(newEncryptionKey()))).rejects.toThrow(keyring.kid);
    await expect(FileMoving.open(file, NO_KEYS)).rejects.toThrow('TOKEN_ENCRYPTION_KEY is not set');
    const lines = (await readFile(file, 'utf8')).split('\n');
    const [at = 0] = sealedAmong(lines);
    await write(file, lines.with(at, changed(lines[at], { id: 'key:x' })).join('\n'));
    await expect(FileMoving.open(file, keyring)).rejects.toThrow(`line ${at + 1}: SEAL_BROKEN`);
  });

  it('opens with an old key; without its key nothing of it is written', async () => {
    const lines = await linesOf(source);
    const to = await onDisk();
    expect(await refusalOf(taking(to, lines, NO_KEYS))).toMatchObject({ code: 'ENCRYPTION_UNAVAILABLE' });
    expect(await refusalOf(taking(to, lines, keyringWith(newEncryptionKey())))).toMatchObject({
      code: 'SEAL_KEY_UNKNOWN',
    });
    expect(await everything(to)).toEqual(nothing);
    // A piece of an export.
    const [at = 0] = sealedAmong(lines);
    expect(await refusalOf(taking(to, [lines[at] ?? ''], NO_KEYS))).toMatchObject({ code: 'ENCRYPTION_UNAVAILABLE' });
    expect(await everything(to)).toEqual(nothing);
    await taking(to, lines, keyringWith(newEncryptionKey(), newEncryptionKey(), key));
    expect(await everything(to)).toEqual(await everything(source));
    expect(await refusalOf(linesOf(source, NO_KEYS))).toMatchObject({ code: 'ENCRYPTION_UNAVAILABLE' });
  });

  it('can be imported in pieces, and again after an import that was cut anywhere', async () => {
    const lines = await linesOf(source);
    const before = await everything(source);
    const inPieces = await onDisk();
    // The only problem: a piece has no end line.
    for (let at = 1; at < lines.length - 1; at += 5)
      expect((await taking(inPieces, lines.slice(at, Math.min(at + 5, lines.length - 1)))).problemCount).toBe(1);
    expect(await everything(inPieces)).toEqual(before);
    const repeated = await onRedis();
    for (const at of [2, Math.floor(lines.length / 2), lines.length - 1]) {
      const cut = function* () {
        yield* lines.slice(0, at);
        throw new Error('the process ends here');
      };
      await expect(taking(repeated, cut())).rejects.toThrow('the process ends here');
    }
    expect(await taking(repeated, lines)).toMatchObject({ isComplete: true, problemCount: 0 });
    expect(await everything(repeated)).toEqual(before);
  });

  it('is refused line by line where it was changed', async () => {
    const lines = await linesOf(source);
    const earlier = await linesOf(source);
    const sealed = sealedAmong(lines);
    const [one = 0, two = 0, three = 0] = sealed;
    const line = (at: number) => JSON.parse(lines[at] ?? '') as Record<string, string>;
    const last = lines.length;
    const swapped = lines.with(one, lines[two] ?? '').with(two, lines[one] ?? '');
    const plain = JSON.stringify({ tenant: ACCESS_TENANT, kind: 'queue', id: 'q', isPaused: false });
    const cases: Record<string, readonly [readonly string[], readonly number[]]> = {
      'a sealed record of another line': [lines.with(one, changed(lines[one], { record: line(two)['record'] })), [one]],
      'another tenant': [lines.with(one, changed(lines[one], { tenant: accessTenantOf('other') })), [one]],
      'another id': [lines.with(one, changed(lines[one], { id: 'key:x' })), [one]],
      'another kind': [lines.with(one, changed(lines[one], { of: 'task' })), [one]],
      'another number': [lines.with(one, changed(lines[one], { n: 2 })), [one]],
      'the line of an earlier export': [lines.with(one, earlier[one] ?? ''), [one]],
      'that line under the name of this export': [
        lines.with(one, changed(earlier[one], { export: line(one)['export'] })),
        [one],
      ],
      'lines in another order': [swapped, [one, two]],
      'a line twice': [lines.with(two, lines[one] ?? ''), [two, three]],
      'a line left out': [lines.toSpliced(two, 1), [two]],
      'a record in plain text': [lines.with(one, plain), [one, two]],
      'a line without its record': [lines.with(one, changed(lines[one], { record: null })), [one, two]],
    };
    for (const [what, [given, wrong]] of Object.entries(cases)) {
      const to = await onDisk();
      const report = await taking(to, given);
      const named = report.problems.filter(({ line: at }) => at < last - 1).map(({ line: at }) => at - 1);
      expect([what, ...named]).toEqual([what, ...wrong]);
      // The end line counts what has arrived.
      expect([what, report.isComplete, report.problemCount > wrong.length]).toEqual([what, false, true]);
      const there = await everything(to, HIDDEN);
      const whole = await everything(source, HIDDEN);
      for (const name of HIDDEN) expect(whole[name]).toMatchObject(there[name] as object);
      expect(await digestsOf(to, accessTenantOf('other'))).toEqual({});
    }
  });

  it('is refused with any byte of a line changed', async () => {
    const lines = await linesOf(source);
    const [at = 0] = sealedAmong(lines);
    const line = lines[at] ?? '';
    const to = await onDisk();
    for (let i = 0; i < line.length; i += 1) {
      const flipped = `${line.slice(0, i)}${String.fromCharCode(line.charCodeAt(i) ^ 1)}${line.slice(i + 1)}`;
      const refused = await taking(to, [flipped]).then(
        // The line, and the missing end.
        ({ problemCount }) => problemCount === 2,
        (error: { code?: string }) => error.code === 'SEAL_KEY_UNKNOWN',
      );
      expect([i, refused]).toEqual([i, true]);
    }
    expect(await everything(to)).toEqual(nothing);
  });
});
