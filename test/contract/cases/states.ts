import { describe, expect, it } from '@jest/globals';
import { merge } from '../../support/edits.js';
import { MIB, type Fixture } from '../engine-under-test.js';

const TEXTS: readonly (readonly [what: string, text: string])[] = [
  ['integers beyond 2^53', '{"n":12345678901234567890,"m":-9007199254740993}'],
  ['numbers as they were written', '{"a":1.50,"b":1e3,"c":-0,"d":0.1e-7,"e":1E+2}'],
  ['the order of keys', '{"z":1,"a":2,"10":3,"2":4,"__proto__":5}'],
  ['unicode', '{"Grüße":"日本語 🚀 e\u0301 \u2028","\u00e9":"é"}'],
  ['escapes, NUL among them', '{"nul":"\\u0000","quote":"\\"","slash":"\\/","e":"\\u00e9","pair":"\\ud83d\\ude80"}'],
  ['empty lists and empty objects', '{"list":[],"object":{},"nested":[[],{},[{}]]}'],
  ['a list as the root', '[]'],
  ['an object as the root', '{}'],
  ['a number as the root', '12345678901234567890'],
  ['text as the root', '"just text"'],
  ['null as the root', 'null'],
  ['whitespace inside', '{\n  "a" : [ 1 ,\t2 ],\r\n  "b" : { }\n}'],
  ['whitespace around', '  {"a":1}\n'],
  ['what looks like a record of the store', '{"version":7,"incarnation":"x","state":"1 2 3\\n4"}'],
  ['control characters in their escapes', '"\\b\\f\\n\\r\\t\\u001f"'],
  ['a hundred levels', `${'['.repeat(100)}${']'.repeat(100)}`],
];

export function describeStates(fixture: Fixture): void {
  describe('states', () => {
    it.each(TEXTS)('come back exactly: %s', async (_what, text) => {
      const tenant = fixture.tenant();
      await tenant.putText('a', text);
      expect((await tenant.get('a')).state).toBe(text);
      const [listed] = (await tenant.list({ includeState: true })).items;
      expect(listed?.state).toBe(text);
    });

    it.each(TEXTS)('are kept exactly as an earlier version: %s', async (_what, text) => {
      const tenant = fixture.tenant();
      await tenant.putText('a', text);
      await tenant.put('a', 'later');
      const lookup = await fixture.engine.findVersion(tenant.name, 'a', 1);
      expect(lookup).toMatchObject({ found: 'version', version: { state: text, bytes: Buffer.byteLength(text) } });
      const [, earlier] = await tenant.versions('a');
      expect(earlier?.state).toBe(text);
    });

    it('of the largest allowed size come back exactly', async () => {
      const tenant = fixture.tenant();
      const text = JSON.stringify({ filler: 'ü'.repeat((MIB - 13) / 2) });
      const padded = text + ' '.repeat(MIB - Buffer.byteLength(text));
      expect(Buffer.byteLength(padded)).toBe(MIB);
      await tenant.putText('a', padded);
      expect((await tenant.get('a')).state === padded).toBe(true);
    });

    it('keep the text of what a patch did not touch', async () => {
      const tenant = fixture.tenant();
      await tenant.putText('a', '{"z": 12345678901234567890, "a": {"x" : [ ]}, "nul":"\\u0000", "e":1.50}');
      const { state } = await tenant.patch('a', merge({ new: 1 }));
      expect(state).toBe('{"z":12345678901234567890,"a":{"x" : [ ]},"nul":"\\u0000","e":1.50,"new":1}');
      expect((await tenant.get('a')).state).toBe(state);
    });
  });
}
