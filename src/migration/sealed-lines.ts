import { randomBytes } from 'node:crypto';
import type { Keyring } from '../access/seal/keyring.js';
import { SealBrokenError } from '../access/seal/seal-errors.js';
import type { SealPlace } from '../access/seal/seal-key.js';
import type { Moved, RecordKind } from '../engine/moving/moved.js';
import { isHiddenTenant } from '../engine/profile.js';
import { InvalidLineError, type Fields } from './checked-record.js';

/** A record of a hidden tenant, sealed. `of` and `id` are readable; the record itself is not. */
export interface SealedLine {
  readonly kind: 'sealed';
  readonly tenant: string;
  readonly of: RecordKind;
  readonly id: string;
  /** Random name of the export. A line of an earlier export is refused. */
  readonly export: string;
  /** Number of the line among the sealed ones of its export, from 1. */
  readonly n: number;
  readonly record: string;
}

const PURPOSE = 'export';
const NAME_BYTES = 12;

/** How an export is sealed; in its header. */
export interface Sealing {
  /** Random name of the export. */
  readonly export: string;
  /** Name of the key. */
  readonly key: string;
}

/** Seals the records of hidden tenants of one export. */
export class LineSealer {
  readonly sealing: Sealing;
  #n = 0;

  /** @throws EncryptionUnavailableError */
  constructor(private readonly keyring: Keyring) {
    this.sealing = { export: randomBytes(NAME_BYTES).toString('base64url'), key: keyring.kid };
  }

  /** The line of a record; undefined for a record that is not sealed. */
  seal(tenant: string, record: Moved): SealedLine | undefined {
    if (!isHiddenTenant(tenant)) return undefined;
    const { kind: of, id } = record;
    const line = { kind: 'sealed', tenant, of, id, export: this.sealing.export, n: ++this.#n } as const;
    return { ...line, record: this.keyring.seal(placeOf(line), JSON.stringify(record)) };
  }
}

/**
 * Opens the sealed lines of one stream. All are of one export, in its order and without a gap: each is bound to its
 * place, so that no line can be replaced by that of an earlier export, moved or left out.
 */
export class LineOpener {
  #isSealed = false;
  #export: string | undefined;
  /** Number of the last line; undefined before the first one of a stream without a header. */
  #n: number | undefined;

  constructor(private readonly keyring: Keyring) {}

  /**
   * Reads the header. What it says is sealed must be sealed.
   * @throws EncryptionUnavailableError @throws SealKeyUnknownError
   */
  begin({ sealed }: Fields): void {
    if (sealed === undefined) return;
    const { export: name, key } = sealed as Partial<Sealing>;
    if (typeof name !== 'string' || typeof key !== 'string')
      throw new InvalidLineError('sealed needs the members export and key');
    this.#isSealed = true;
    this.#export = name;
    this.#n = 0;
    this.keyring.demand(key);
  }

  /** The line as it was before it was sealed, or as it is. @throws ServiceError @throws InvalidLineError */
  open(line: Fields): Fields {
    const { kind, tenant } = line;
    if (kind === 'sealed') return this.#open(line);
    if (this.#isSealed && typeof tenant === 'string' && isHiddenTenant(tenant))
      throw new InvalidLineError('a record of a hidden tenant must be sealed, since the header says so');
    return line;
  }

  #open(line: Fields): Fields {
    const { tenant, of, id, export: name, n, record } = line;
    const isComplete = [tenant, of, id, name, record].every((member) => typeof member === 'string');
    if (!isComplete || !Number.isSafeInteger(n))
      throw new InvalidLineError('a sealed line needs the members tenant, of, id, export, n and record');
    const sealed = line as unknown as SealedLine;
    const what = `${sealed.of} ${sealed.id} of ${sealed.tenant}`;
    const text = this.#textOf(sealed, what);
    const isNext = this.#export === undefined || (this.#export === name && sealed.n === (this.#n ?? 0) + 1);
    this.#export ??= sealed.export;
    this.#n = Math.max(this.#n ?? 0, sealed.n);
    if (!isNext) throw broken(`${what} is not the next sealed line of this export: a line is missing, or was moved`);
    const opened = JSON.parse(text) as Fields;
    if (opened['kind'] !== of || opened['id'] !== id) throw broken(`${what} holds another record`);
    return { ...opened, tenant };
  }

  #textOf(sealed: SealedLine, what: string): string {
    try {
      return this.keyring.open(placeOf(sealed), sealed.record, what);
    } catch (error) {
      if (!(error instanceof SealBrokenError)) throw error;
      // Its number may be wrong too. Lines after it are those of an intact export.
      if (this.#n !== undefined) this.#n++;
      throw broken(error.message);
    }
  }
}

function broken(message: string): InvalidLineError {
  return new InvalidLineError(`SEAL_BROKEN: ${message}`);
}

function placeOf({ tenant, of, id, export: name, n }: Omit<SealedLine, 'record'>): SealPlace {
  return { purpose: PURPOSE, tenant, id: `${of} ${id}`, field: `${name} ${n}` };
}
