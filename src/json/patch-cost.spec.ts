import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { parseDocument } from './document.js';
import { applyJsonPatch } from './json-patch.js';
import { applyMergePatch } from './merge-patch.js';
import { StepCounter } from '../../test/support/step-counter.js';

const MEGABYTE = 1_000_000;
const zeros = (length: number) => `[${'0,'.repeat(length / 2 - 1)}0]`;
const below = (levels: number, inner: string) => '{"a":'.repeat(levels) + inner + '}'.repeat(levels);
const wide = `{${Array.from({ length: 49_000 }, (_, i) => `"k${i}":${i}`).join(',')}}`;
const times = (count: number, operations: (i: number) => readonly object[]) =>
  Array.from({ length: count }, (_, i) => operations(i)).flat();

/** In a file of its own: earlier cases would compile the code before the counter starts. */
describe('A patch of a large document takes few steps', () => {
  const steps = new StepCounter('json');
  beforeAll(() => steps.start());
  afterAll(() => steps.stop());

  const copied = `{"a":{"n":0,"big":${zeros(MEGABYTE - 2000)}},"c":{},"deep":${below(95, '0')}}`;
  const copies = [
    ...times(6, (i) => [{ op: 'copy', from: '/a/big', path: `/a/g${i}` }]),
    ...times(245, () => [
      { op: 'copy', from: '/deep', path: '/a/deep' },
      { op: 'remove', path: '/a/deep' },
      { op: 'copy', from: '/a', path: '/c/d' },
      { op: 'remove', path: '/c/d' },
    ]),
  ];
  const deep = below(97, `{"x":${zeros(MEGABYTE - 2000)}}`);
  const deepest = '/a'.repeat(97);
  const list = `{"a":${zeros(MEGABYTE)}}`;
  // The limits, in millions, are less than twice the usual steps. Steps for each operation and each character, or for
  // each level and each character, would be hundreds of millions.
  it.each([
    ['copies of large parts beside deep ones', copied, copies, 9],
    ['one change below 97 levels', deep, [{ op: 'add', path: `${deepest}/y`, value: 1 }], 8],
    [
      '1,000 changes below 97 levels',
      deep,
      times(1000, (i) => [{ op: 'add', path: `${deepest}/y${i}`, value: 1 }]),
      18,
    ],
    [
      '1,000 insertions all over a long list',
      list,
      times(1000, (i) => [{ op: 'add', path: `/a/${i * 499}`, value: 1 }]),
      18,
    ],
    ['1,000 insertions in front of a long list', list, times(1000, () => [{ op: 'add', path: '/a/0', value: 1 }]), 16],
    ['1,000 new members of a wide object', wide, times(1000, (i) => [{ op: 'add', path: `/n${i}`, value: 1 }]), 7],
    [
      'members of a wide object removed and added again',
      wide,
      times(500, (i) => [
        { op: 'remove', path: `/k${i}` },
        { op: 'add', path: `/k${i}`, value: 1 },
      ]),
      7,
    ],
    ['a test of a long list that is written in another way', list, [{ op: 'test', path: '/a', value: 0 }], 8],
  ])('%s', async (_, before, operations, maxMillions) => {
    const patch = parseDocument(JSON.stringify(operations));
    let length = 0;
    const started = process.cpuUsage();
    const millions =
      (await steps.count(() => {
        try {
          length = applyJsonPatch(parseDocument(before), patch).node.text.length;
        } catch (error) {
          length = (error as Error).message.length;
        }
      })) / 1e6;
    const { user, system } = process.cpuUsage(started);
    expect(length).toBeGreaterThan(0);
    expect(millions).toBeLessThan(maxMillions);
    // Far fewer steps mean that the counter has missed some.
    expect(millions).toBeGreaterThan(maxMillions / 6);
    // Built-in functions take no steps. The limit is ten times the usual time, for busy machines.
    expect((user + system) / 1000).toBeLessThan(5000);
  });

  const long = `0.${'0'.repeat(MEGABYTE)}1`;
  it.each([
    ['tests of a long number', `{"n":${long}}`, times(1000, () => [{ op: 'test', path: '/n', value: 0 }])],
    ['a path of slashes', '{"n":1}', [{ op: 'test', path: '/'.repeat(MEGABYTE), value: 1 }]],
  ])('%s', async (_, before, operations) => {
    // The same number, written in another way.
    const patch = parseDocument(JSON.stringify(operations).replaceAll('"value":0', `"value":1e-${MEGABYTE + 1}`));
    let message = '';
    const count = await steps.count(() => {
      try {
        applyJsonPatch(parseDocument(before), patch);
      } catch (error) {
        message = (error as Error).message;
      }
    });
    expect(message).toMatch(/compare too many characters|has more than 1000 tokens/);
    // A thousand readings of the number would be thousands of millions.
    expect(count / 1e6).toBeLessThan(20);
  });

  // Nodes of all members would take about twice as many steps for the objects, and many times the memory.
  const named = (count: number, value: string) =>
    `{${Array.from({ length: count }, (_, i) => `"k${i}":${value}`).join(',')}}`;
  it.each([
    ['49,000 members', wide, wide.replaceAll(':', ':1'), 49_000, 11],
    ['49,000 members in another order', wide, `{${wide.slice(1, -1).split(',').toReversed().join(',')}}`, 49_000, 11],
    ['16,000 objects', named(16_000, '{"a":1}'), named(16_000, '{"b":1}'), 48_000, 5],
    ['24,000 objects, too many', named(24_000, '{"a":1}'), named(24_000, '{"b":1}'), 72_000, 7],
    ['16,000 objects that are new', '{}', named(16_000, '{"b":1,"c":{}}'), 48_000, 4],
  ])('a merge of %s', async (_, target, patch, expected, maxMillions) => {
    let names = 0;
    const millions =
      (await steps.count(() => {
        ({ names } = applyMergePatch(parseDocument(target), parseDocument(patch)).node);
      })) / 1e6;
    expect(names).toBe(expected);
    expect(millions).toBeLessThan(maxMillions);
    expect(millions).toBeGreaterThan(maxMillions / 3);
  });
});
