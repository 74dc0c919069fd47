import { afterAll, describe, expect, it } from '@jest/globals';
import { open } from 'lmdb';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RandomJson } from '../../../../test/support/random-json.js';
import { PackedReader } from './packed-reader.js';
import { versionReader, workflowReader } from './row-readers.js';

const folder = mkdtempSync(join(tmpdir(), 'waymark-packed-'));
/** The encoder of the journal. */
const { encoder } = open({ path: folder, noSubdir: false }) as unknown as {
  readonly encoder: { encode(value: unknown): Buffer };
};
const pack = (value: unknown) => Buffer.from(encoder.encode(value));
/** Comparing long buffers member by member takes minutes. */
const plain = (row: readonly unknown[]) =>
  row.map((value) => (Buffer.isBuffer(value) ? value.toString('base64') : value));

const TEXTS = ['', 'a', 'put', 'übersicht 概要', 'x'.repeat(31), 'y'.repeat(32), 'z'.repeat(300), 'é'.repeat(40_000)];
const NUMBERS = [0, 1, 127, 128, 255, 256, 65_535, 65_536, 2 ** 32 - 1, 2 ** 32, 1_800_000_000_000, 0.5];

describe('the reader of packed rows', () => {
  afterAll(() => rmSync(folder, { recursive: true }));

  it('reads what the general encoder has written, between other bytes', () => {
    const random = new RandomJson(7);
    const maybe = <T>(value: T) => (random.integer(3) === 0 ? null : value);
    const [ofVersion, ofWorkflow] = [versionReader(), workflowReader()];
    for (let i = 0; i < 500; i++) {
      const times = [random.pick(NUMBERS), maybe(random.pick(NUMBERS))];
      const changed = maybe(Array.from({ length: random.integer(16) }, () => random.pick(TEXTS.slice(0, 7))));
      const state = Buffer.alloc(random.pick([0, 1, 255, 256, 70_000]), i);
      const words = [random.pick(TEXTS), random.pick(TEXTS), changed, maybe(random.pick(TEXTS)), maybe('task')];
      const check = random.integer(2) === 0 ? [] : [random.pick(TEXTS)];
      const version = [...times, ...words, state, ...check];
      const values = Array.from({ length: random.integer(6) }, () => maybe(random.pick(TEXTS)));
      const index = check.length === 0 ? [] : [['name', ...values]];
      const workflow = [random.pick(TEXTS), 3, random.pick(NUMBERS), ...times, maybe(5), ...check, ...index];
      for (const [read, row] of [
        [ofVersion, version],
        [ofWorkflow, workflow],
      ] as const) {
        const packed = pack(row);
        const around = Buffer.concat([Buffer.from('!!'), packed, Buffer.from('!!!!')]);
        expect(plain(read(around, 2, 2 + packed.length) ?? [])).toEqual(plain(row));
      }
    }
  });

  it.each([
    ['a number for a text', [1, null, 2, 'put', null, null, null, Buffer.from('{}')]],
    ['no bytes', [1, null, 'me', 'put', null, null, null, '{}']],
    ['something undefined', [1, undefined, 'me', 'put', null, null, null, Buffer.from('{}')]],
    ['more members', [1, null, 'me', 'put', null, null, null, Buffer.from('{}'), '', 'more']],
    ['many changed places', [1, null, 'me', 'put', Array(20).fill('/a'), null, null, Buffer.from('{}')]],
  ])('leaves a row with %s to the general decoder', (_what, row) => {
    const packed = pack(row);
    expect(versionReader()(packed, 0, packed.length)).toBeUndefined();
  });

  it('leaves a row that ends too early to the general decoder', () => {
    const packed = pack([1, null, 'me', 'put', null, null, null, Buffer.from('{"long":1}')]);
    for (let end = 0; end < packed.length; end++) expect(versionReader()(packed, 0, end)).toBeUndefined();
  });

  it('gives a known text itself, and only if it is equal', () => {
    const packed = pack(['known', 'knows', 'known']);
    const known = 'known';
    const read = (from: PackedReader) => [from.list(), from.text(known), from.text(known), from.text(known)];
    expect(new PackedReader().read(packed, 0, packed.length, read)).toEqual([3, 'known', 'knows', 'known']);
  });
});
