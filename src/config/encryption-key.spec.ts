import { randomBytes } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { readConfig } from './read-config.js';

const SAMPLES = [
  '0'.repeat(64),
  'f'.repeat(64),
  '0123456789abcdef'.repeat(4),
  'deadbeef'.repeat(8),
  Buffer.from(Array.from({ length: 32 }, (_, i) => i)).toString('hex'),
  Buffer.from(Array.from({ length: 32 }, (_, i) => 255 - i * 3)).toString('hex'),
  'change-me',
  randomBytes(31).toString('hex'),
  randomBytes(33).toString('hex'),
  randomBytes(32).toString('base64'),
];

describe('the settings of encryption', () => {
  it('take random keys, in upper or lower case', () => {
    expect(readConfig({}).encryption).toEqual({ key: undefined, oldKeys: [] });
    for (let i = 0; i < 1000; i++) {
      const [key, one, two] = [32, 32, 32].map((bytes) => randomBytes(bytes).toString('hex'));
      const env = { TOKEN_ENCRYPTION_KEY: key?.toUpperCase(), TOKEN_ENCRYPTION_OLD_KEYS: `${one}, ${two}` };
      expect(readConfig(env).encryption).toEqual({ key: key?.toUpperCase(), oldKeys: [one, two] });
    }
  });

  it.each(SAMPLES)('refuse the sample %s, and do not show it', (sample) => {
    const good = randomBytes(32).toString('hex');
    for (const env of [
      { TOKEN_ENCRYPTION_KEY: sample },
      { TOKEN_ENCRYPTION_KEY: good, TOKEN_ENCRYPTION_OLD_KEYS: `${good},${sample}` },
    ]) {
      expect(() => readConfig(env)).toThrow('64 random hexadecimal digits');
      expect(() => readConfig(env)).not.toThrow(sample);
    }
  });

  it('refuse old keys without a new one', () => {
    const env = { TOKEN_ENCRYPTION_OLD_KEYS: randomBytes(32).toString('hex') };
    expect(() => readConfig(env)).toThrow('TOKEN_ENCRYPTION_KEY');
  });
});
