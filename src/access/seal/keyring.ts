import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import type { Config } from '../../config/config.js';
import { EncryptionUnavailableError, SealBrokenError, SealKeyUnknownError } from './seal-errors.js';
import { prefixed, SealKey, type SealPlace } from './seal-key.js';

const VERSION = 'wmenc1';
const CIPHER = 'aes-256-gcm';
const IV_BYTES = 12;
const TAG_BYTES = 16;
const KID = /^[a-z2-7]{8}$/;

/**
 * Seals texts with AES-256-GCM, and opens them: `wmenc1.<kid>.<iv>.<ciphertext>.<tag>`, the last three in base64url.
 * TOKEN_ENCRYPTION_KEY seals; it and TOKEN_ENCRYPTION_OLD_KEYS open.
 */
export class Keyring {
  /** The first key seals. */
  readonly #keys: readonly SealKey[];

  constructor({ key, oldKeys }: Config['encryption']) {
    this.#keys = key === undefined ? [] : [key, ...oldKeys].map((hex) => new SealKey(hex));
  }

  /** Name of the key that seals. @throws EncryptionUnavailableError */
  get kid(): string {
    return this.#sealing.kid;
  }

  /** @throws EncryptionUnavailableError */
  seal(place: SealPlace, text: string): string {
    const key = this.#sealing;
    const iv = randomBytes(IV_BYTES);
    const cipher = createCipheriv(CIPHER, key.for(place), iv, { authTagLength: TAG_BYTES });
    cipher.setAAD(boundTo(key.kid, place));
    const sealed = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()]);
    return [VERSION, key.kid, ...[iv, sealed, cipher.getAuthTag()].map((part) => part.toString('base64url'))].join('.');
  }

  /**
   * `what` names the sealed thing in an error.
   * @throws EncryptionUnavailableError @throws SealKeyUnknownError @throws SealBrokenError
   */
  open(place: SealPlace, envelope: string, what = `${place.purpose} ${place.id}`): string {
    const [version, kid = '', ...parts] = envelope.split('.');
    const [iv, sealed, tag] = parts.map(bytesOf);
    if (version !== VERSION || !KID.test(kid) || parts.length !== 3) throw new SealBrokenError(what);
    if (iv?.length !== IV_BYTES || tag?.length !== TAG_BYTES || sealed === undefined) throw new SealBrokenError(what);
    const key = this.demand(kid);
    const decipher = createDecipheriv(CIPHER, key.for(place), iv, { authTagLength: TAG_BYTES });
    decipher.setAAD(boundTo(kid, place));
    decipher.setAuthTag(tag);
    try {
      return Buffer.concat([decipher.update(sealed), decipher.final()]).toString('utf8');
    } catch (error) {
      throw new SealBrokenError(what, { cause: error });
    }
  }

  /** The key of this name. @throws EncryptionUnavailableError @throws SealKeyUnknownError */
  demand(kid: string): SealKey {
    if (this.#keys.length === 0) throw new EncryptionUnavailableError();
    const key = this.#keys.find((one) => one.kid === kid);
    if (key === undefined) throw new SealKeyUnknownError(kid);
    return key;
  }

  get #sealing(): SealKey {
    const [key] = this.#keys;
    if (key === undefined) throw new EncryptionUnavailableError();
    return key;
  }
}

/** Additional data of the cipher: everything that a sealed text is bound to. */
function boundTo(kid: string, { purpose, tenant, id, field }: SealPlace): Buffer {
  return prefixed(VERSION, kid, purpose, tenant, id, field);
}

/** Undefined unless it is the one way to write these bytes: the last character has bits that mean nothing. */
function bytesOf(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64url');
  return bytes.toString('base64url') === text ? bytes : undefined;
}
