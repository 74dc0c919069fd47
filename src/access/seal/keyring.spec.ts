import { createDecipheriv, createHash, hkdfSync } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { keyringWith, newEncryptionKey, NO_KEYS } from '../../../test/support/keyrings.js';
import { refusalOf } from '../../../test/support/refusal.js';
import type { Keyring } from './keyring.js';
import type { SealPlace } from './seal-key.js';

const PLACE: SealPlace = { purpose: 'session', tenant: 'acme', id: 's-1', field: 'data' };
const TEXT = '{"user":"ä€😀","n":1}';
const CODES = ['SEAL_BROKEN', 'SEAL_KEY_UNKNOWN'];

/** Code of the refusal to open. */
const codeOf = async (keyring: Keyring, place: SealPlace, envelope: string) =>
  ((await refusalOf(Promise.resolve().then(() => keyring.open(place, envelope)))) as { code?: string }).code;

describe('the keyring', () => {
  const key = newEncryptionKey();
  const keyring = keyringWith(key);

  it.each(['', TEXT, 'x'.repeat(100_000)])('opens what it has sealed, and seals it differently each time', (text) => {
    const [one, two] = [keyring.seal(PLACE, text), keyring.seal(PLACE, text)];
    expect(one).toMatch(/^wmenc1\.[a-z2-7]{8}\.[\w-]{16}\.[\w-]*\.[\w-]{22}$/);
    expect(one).not.toBe(two);
    for (const envelope of [one, two]) expect(keyring.open(PLACE, envelope)).toBe(text);
  });

  it('follows the format, which other programs can open too', () => {
    const [version, kid, iv = '', sealed = '', tag = ''] = keyring.seal(PLACE, TEXT).split('.');
    const master = Buffer.from(key, 'hex');
    const base32 = [...createHash('sha256').update('waymark kid').update(master).digest().subarray(0, 5)]
      .map((byte) => byte.toString(2).padStart(8, '0'))
      .join('')
      .replace(/.{5}/g, (five) => 'abcdefghijklmnopqrstuvwxyz234567'.charAt(Number.parseInt(five, 2)));
    expect([version, kid]).toEqual(['wmenc1', base32]);
    const prefixed = (...texts: string[]) =>
      Buffer.concat(
        texts.map((text) => Buffer.concat([Buffer.from([0, 0, 0, Buffer.byteLength(text)]), Buffer.from(text)])),
      );
    const derived = Buffer.from(hkdfSync('sha256', master, '', prefixed('session', 'acme', 's-1'), 32));
    const decipher = createDecipheriv('aes-256-gcm', derived, Buffer.from(iv, 'base64url'));
    decipher.setAAD(prefixed('wmenc1', base32, 'session', 'acme', 's-1', 'data'));
    decipher.setAuthTag(Buffer.from(tag, 'base64url'));
    expect(decipher.update(sealed, 'base64url', 'utf8') + decipher.final('utf8')).toBe(TEXT);
  });

  it('refuses an envelope with any byte changed, left out or added', async () => {
    const envelope = keyring.seal(PLACE, TEXT);
    for (let at = 0; at < envelope.length; at++) {
      const [head, tail] = [envelope.slice(0, at), envelope.slice(at + 1)];
      for (let bit = 0; bit < 8; bit++) {
        const flipped = String.fromCharCode(envelope.charCodeAt(at) ^ (1 << bit));
        expect([at, bit, CODES.includes(String(await codeOf(keyring, PLACE, head + flipped + tail)))]).toEqual([
          at,
          bit,
          true,
        ]);
      }
      for (const other of [head + tail, `${head}A${envelope.slice(at)}`, head])
        expect(CODES).toContain(await codeOf(keyring, PLACE, other));
    }
    for (const other of ['', TEXT, 'wmenc1', 'wmenc1....', `${envelope}.`, `${envelope}A`, `${envelope}=`])
      expect(await codeOf(keyring, PLACE, other)).toBe('SEAL_BROKEN');
  });

  it('refuses an envelope at any other place', async () => {
    const envelope = keyring.seal(PLACE, TEXT);
    for (const member of ['purpose', 'tenant', 'id', 'field'] as const) {
      for (const other of ['', 'other', `${PLACE[member]}x`, PLACE[member].toUpperCase()])
        expect(await codeOf(keyring, { ...PLACE, [member]: other }, envelope)).toBe('SEAL_BROKEN');
    }
    // The same letters, divided differently.
    const shifted = { ...PLACE, tenant: 'acmes', id: '-1' };
    expect(await codeOf(keyring, shifted, envelope)).toBe('SEAL_BROKEN');
    expect(await codeOf(keyring, { ...PLACE, id: 's-1data', field: '' }, envelope)).toBe('SEAL_BROKEN');
  });

  it('opens with an old key, and seals with the new one', () => {
    const next = newEncryptionKey();
    const rotated = keyringWith(next, key);
    const envelope = keyring.seal(PLACE, TEXT);
    expect(rotated.open(PLACE, envelope)).toBe(TEXT);
    expect(rotated.kid).not.toBe(keyring.kid);
    expect(rotated.seal(PLACE, TEXT).split('.')[1]).toBe(rotated.kid);
    expect(keyringWith(key.toUpperCase()).open(PLACE, envelope)).toBe(TEXT);
  });

  it('says which key is missing, and when there is none', async () => {
    const other = keyringWith(newEncryptionKey(), newEncryptionKey());
    const envelope = other.seal(PLACE, TEXT);
    expect(await refusalOf(Promise.resolve().then(() => keyring.open(PLACE, envelope)))).toMatchObject({
      code: 'SEAL_KEY_UNKNOWN',
      retryAfterSeconds: 1,
      message: expect.stringContaining(other.kid),
    });
    expect(await codeOf(NO_KEYS, PLACE, envelope)).toBe('ENCRYPTION_UNAVAILABLE');
    expect(() => NO_KEYS.seal(PLACE, TEXT)).toThrow('TOKEN_ENCRYPTION_KEY is not set');
    expect(() => NO_KEYS.kid).toThrow('TOKEN_ENCRYPTION_KEY is not set');
  });

  it('opens the envelopes of more places than it keeps derived keys for', () => {
    const places = Array.from({ length: 2500 }, (_, i) => ({ ...PLACE, id: `s-${i}` }));
    const envelopes = places.map((place) => keyring.seal(place, place.id));
    expect(places.map((place, i) => keyring.open(place, envelopes[i] ?? ''))).toEqual(places.map(({ id }) => id));
  });
});
