import { createHash, createSecretKey, hkdfSync, type KeyObject } from 'node:crypto';
import { inBase32 } from '../base32.js';

/** Where a sealed text belongs. A text that was sealed for one place is refused at any other. */
export interface SealPlace {
  /** Kind of use, so that no two uses share keys: `session`, `export`. */
  readonly purpose: string;
  readonly tenant: string;
  readonly id: string;
  readonly field: string;
}

const KEY_BYTES = 32;
/** Eight characters of base32. */
const KID_BYTES = 5;
/** Derived keys kept, since deriving one takes longer than sealing with it. */
const MAX_DERIVED = 1000;

/** One key of the keyring. Each purpose, tenant and id has a key of its own, so random nonces never run out. */
export class SealKey {
  /** Name of the key, which follows from it: nobody has to number keys. */
  readonly kid: string;
  readonly #secret: KeyObject;
  readonly #derived = new Map<string, KeyObject>();

  /** `hex`: 64 hexadecimal digits. */
  constructor(hex: string) {
    const bytes = Buffer.from(hex, 'hex');
    const digest = createHash('sha256').update('waymark kid').update(bytes).digest();
    this.kid = inBase32(digest.subarray(0, KID_BYTES));
    this.#secret = createSecretKey(bytes);
  }

  for({ purpose, tenant, id }: SealPlace): KeyObject {
    const info = prefixed(purpose, tenant, id);
    const name = info.toString('latin1');
    const known = this.#derived.get(name);
    if (known !== undefined) return known;
    const derived = createSecretKey(Buffer.from(hkdfSync('sha256', this.#secret, '', info, KEY_BYTES)));
    const [oldest] = this.#derived.keys();
    if (this.#derived.size >= MAX_DERIVED && oldest !== undefined) this.#derived.delete(oldest);
    this.#derived.set(name, derived);
    return derived;
  }
}

/** Texts, each behind its length in bytes: no two lists of texts give the same bytes. */
export function prefixed(...texts: readonly string[]): Buffer {
  return Buffer.concat(
    texts.flatMap((text) => {
      const length = Buffer.alloc(4);
      length.writeUInt32BE(Buffer.byteLength(text));
      return [length, Buffer.from(text)];
    }),
  );
}
