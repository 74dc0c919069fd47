import { isDeepStrictEqual } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import { InvalidJsonError } from './invalid-json-error.js';
import { compilePointers } from './pointer-set.js';
import { JsonScanner, scanJson, type JsonScan, type ScanOptions } from './scan.js';
import { RandomJson } from '../../test/support/random-json.js';
import { scaled } from '../../test/support/scale.js';

function refusal(text: string, options?: ScanOptions): InvalidJsonError {
  try {
    scanJson(text, options);
  } catch (error) {
    if (error instanceof InvalidJsonError) return error;
    throw error;
  }
  throw new Error(`Not refused: ${text.slice(0, 100)}`);
}

const nested = (levels: number) => '[{"a":'.repeat(levels / 2) + '1' + '}]'.repeat(levels / 2);
const objects = (count: number) => `[${Array.from({ length: count }, () => '{"a":1,"b":2}').join(',')}]`;

function parses(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

const INSERTS = [
  ...'{}[]",:\\/-+.eE0129tfnu \t\n\u0000\u00a0\ufeff\u2028',
  'e400',
  '\\u',
  '\\ud800',
  '\ud800',
  'null',
  '"a":1,',
];

function edited(random: RandomJson, document: string): string {
  let text = document;
  for (let edits = random.integer(3); edits > 0; edits--) {
    const at = random.integer(text.length + 1);
    const insert = random.integer(2) === 0 ? random.pick(INSERTS) : '';
    text = text.slice(0, at) + insert + text.slice(at + random.integer(2));
  }
  return text;
}

/** The refusal of a text; undefined when the scan accepts it. */
function verdict(text: string): string | undefined {
  try {
    scanJson(text);
    return undefined;
  } catch (error) {
    if (error instanceof InvalidJsonError) return error.reason;
    throw error;
  }
}

describe('scanJson', () => {
  it('returns kind, start and end of the document', () => {
    expect(scanJson(' \n{"a":[1]} \t')).toMatchObject({ kind: 'object', start: 2, end: 11 });
    expect(['[]', '"a"', '-1.5e+3', 'true', 'false', 'null'].map((text) => scanJson(text).kind)).toEqual([
      'array',
      'string',
      'number',
      'boolean',
      'boolean',
      'null',
    ]);
  });

  it('lists the names of the root object, unescaped and in order, and no others', () => {
    expect(scanJson('{"b":{"x":1},"\\u0061":[{"y":2}],"10":0,"9":0,"__proto__":1}').memberNames).toEqual([
      'b',
      'a',
      '10',
      '9',
      '__proto__',
    ]);
    expect(scanJson('[{"x":1}]').memberNames).toEqual([]);
  });

  it('finds values by pointer', () => {
    const text = '{ "state" : {"status":"ok", "list":[10, {"x": [ ] }], "a/b":null}, "ttl\\u0053": 5 }';
    const wanted = [['state', 'status'], ['ttlS'], ['state', 'list', '1', 'x'], ['state', 'list', '01'], ['nowhere']];
    const { found } = scanJson(text, { find: [...wanted, [], ['state', 'a/b'], ['ttlS']] });
    expect(found.map((slice) => slice && [slice.kind, text.slice(slice.start, slice.end)])).toEqual([
      ['string', '"ok"'],
      ['number', '5'],
      ['array', '[ ]'],
      undefined,
      undefined,
      ['object', text],
      ['null', 'null'],
      ['number', '5'],
    ]);
  });

  it('accepts compiled pointers', () => {
    const find = compilePointers([['a'], ['a', 'b']]);
    expect(scanJson('{"a":{"b":1}}', { find }).found).toEqual([
      { kind: 'object', start: 5, end: 12 },
      { kind: 'number', start: 10, end: 11 },
    ]);
    expect(scanJson('[]', { find }).found).toEqual([undefined, undefined]);
  });

  it.each([
    ['', 'the text is empty', ''],
    ['{"a":', 'the text ends too early', '/a'],
    ['"abc', 'the text ends too early', ''],
    ['\ufeff{}', 'unexpected byte order mark', ''],
    ['{"a":[1,2,x]}', 'unexpected character "x"', '/a/2'],
    ['{"a":1,}', 'unexpected character "}"', ''],
    ['[1 2]', 'unexpected character "2"', '/0'],
    ['[01]', 'unexpected character "1"', '/0'],
    ['{"a~/":"\t"}', 'a control character in a string must be escaped', '/a~0~1'],
    ['"\\u12g4"', 'unexpected character "g"', ''],
    ['"\\x"', 'unexpected character "x"', ''],
    ['{} {}', 'unexpected character "{"', ''],
  ])('refuses %j with the reason and the place', (text, message, pointer) => {
    expect(refusal(text)).toMatchObject({ reason: 'syntax', message, pointer });
  });

  it('counts levels of containers and stops at the first that is too deep', () => {
    expect(scanJson(nested(100)).kind).toBe('array');
    expect(refusal(nested(102))).toMatchObject({
      reason: 'depth',
      message: 'more than 100 levels deep',
      pointer: '/0/a'.repeat(50),
    });
    expect(refusal('[[]]', { maxDepth: 1 })).toMatchObject({ reason: 'depth', pointer: '/0', offset: 1 });
  });

  it('refuses a million brackets fast', () => {
    const started = process.cpuUsage();
    expect(refusal('['.repeat(1_000_000)).reason).toBe('depth');
    expect(refusal('{"a":'.repeat(1_000_000)).reason).toBe('depth');
    const { user, system } = process.cpuUsage(started);
    expect((user + system) / 1000).toBeLessThan(200);
  });

  it('refuses duplicate names within an object, however they are written', () => {
    expect(refusal('{"x":[{"a":1,"\\u0061":2}]}')).toMatchObject({
      reason: 'duplicate-key',
      message: 'duplicate key "a"',
      pointer: '/x/0/a',
      offset: 13,
    });
    const members = Array.from({ length: 60 }, (_, i) => `"k${i}":{"k":${i}}`);
    expect(scanJson(`{${members.join(',')}}`).memberNames).toHaveLength(60);
    for (const again of ['k0', 'k23', 'k24', 'k59']) {
      expect(refusal(`{${members.join(',')},"${again}":0}`)).toMatchObject({ pointer: `/${again}` });
    }
  });

  it('refuses numbers beyond a double and keeps tiny ones', () => {
    expect(refusal('{"n":[1e400]}')).toMatchObject({
      reason: 'number',
      message: 'number 1e400 does not fit a double',
      pointer: '/n/0',
    });
    expect(refusal(`-1${'0'.repeat(309)}`).reason).toBe('number');
    expect(refusal(`9${'0'.repeat(400)}`).message).toHaveLength(7 + 65 + 22);
    for (const text of ['1e308', '1e-400', '-0', '0e999', `0.${'0'.repeat(400)}1`, `1${'0'.repeat(400)}e-200`]) {
      expect(scanJson(text).kind).toBe('number');
    }
  });

  it('refuses lone surrogates, escaped or literal, in names and values', () => {
    const lone = [
      '\\ud800',
      '\\udc00',
      '\\ud800\\u0041',
      '\\udc00\\ud800',
      '\ud800',
      '\udc00',
      '\ud800\\udc00',
      '\\ud800\udc00',
    ];
    for (const text of lone) {
      expect(refusal(`{"a":["${text}"]}`)).toMatchObject({ reason: 'surrogate', pointer: '/a/0' });
      expect(refusal(`{"a":{"${text}":1}}`)).toMatchObject({ reason: 'surrogate', pointer: '/a' });
    }
    for (const text of ['\\ud83d\\ude00', '😀', '\\uD83D\\uDE00\\u0000', '\uffff']) {
      expect(scanJson(`{"${text}":"${text}"}`).kind).toBe('object');
    }
  });

  it('refuses more names than allowed, counted over all objects', () => {
    expect(scanJson(objects(25_000)).kind).toBe('array');
    expect(refusal(objects(25_001))).toMatchObject({ reason: 'too-many-keys', pointer: '/25000' });
    expect(refusal('{"a":{"b":1}}', { maxKeys: 1 })).toMatchObject({ reason: 'too-many-keys', pointer: '/a' });
  });

  it('accepts exactly what JSON.parse accepts, except for its stricter rules', () => {
    const random = new RandomJson(20_261_120);
    const rounds = scaled({ short: 8_000, long: 30_000 });
    let accepted = 0;
    for (let round = 0; round < rounds; round++) {
      const text = edited(random, random.document());
      const reason = verdict(text);
      if (reason === undefined) accepted++;
      // Behind a violation of a stricter rule, the text may also be invalid JSON.
      const agrees = reason === undefined ? parses(text) : reason !== 'syntax' || !parses(text);
      if (!agrees) throw new Error(`${reason ?? 'accepted'}: ${JSON.stringify(text)}`);
    }
    expect(accepted).toBeGreaterThan(rounds / 3);
    expect(accepted).toBeLessThan((rounds * 5) / 6);
  });
});

describe('JsonScanner', () => {
  const find = [['a'], ['0'], ['a', 'b'], ['id'], ['1', 'value'], []];

  /** The scan, or the refusal, of a text that is read in steps of the given lengths; the last one repeats. */
  function scanned(text: string, ...lengths: readonly [number, ...number[]]): JsonScan | object {
    const scanner = new JsonScanner(text, { find });
    try {
      for (let step = 0; ; step++) {
        const scan = scanner.goOn(lengths[Math.min(step, lengths.length - 1)] as number);
        if (scan !== undefined) return scan;
      }
    } catch (error) {
      if (!(error instanceof InvalidJsonError)) throw error;
      const { reason, message, pointer, offset } = error;
      return { reason, message, pointer, offset };
    }
  }

  it('finds and refuses the same in steps of any length', () => {
    const random = new RandomJson(20_261_130);
    for (let round = scaled({ short: 1_500, long: 10_000 }); round > 0; round--) {
      const text = edited(random, random.document());
      const whole = scanned(text, text.length);
      for (const length of [1, 2, 3, 1 + random.integer(40)]) {
        if (isDeepStrictEqual(scanned(text, length), whole)) continue;
        throw new Error(`In steps of ${length}: ${JSON.stringify(text)}`);
      }
    }
  });

  it.each([
    '[1,{"a":[2,{"b":"\\u00e9\\ud83d\\ude00"}],"c\\n":-1.5e+3},true,[[]],"😀",{}]',
    '{"a":{"b":[1,2,{"x":null}]},"id":[[["deep"]]],"z":{"y":{"x":{}}}} ',
    '{"a":[1,{"b":1,"c":{"d":1},"b":2}]}',
    '{"a":{"b":["ok",{"\\ud800":1}]}}',
    '[[1,2],[3,{"a":[4,5 6]}]]',
    `{${Array.from({ length: 30 }, (_, i) => `"k${i}":{"k":${i}}`).join(',')},"k3":0}`,
  ])('may pause at every place of %j', (text) => {
    const whole = scanned(text, text.length);
    for (let at = 1; at < text.length; at++) expect(scanned(text, at, text.length)).toEqual(whole);
  });
});
