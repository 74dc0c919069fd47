import { setImmediate } from 'node:timers/promises';
import type { Keyring } from '../access/seal/keyring.js';
import type { Arrival, Moving } from '../engine/moving/moving.js';
import { sizeOfRecord, type Arrived, type OnConflict } from '../engine/moving/arrival.js';
import { isOfStore } from '../engine/errors.js';
import { isTenant } from '../engine/names.js';
import { ServiceError } from '../service-error.js';
import { checkedInTurns, InvalidLineError, type Fields } from './checked-record.js';
import { checkedDamage } from './checked-damage.js';
import { COUNT_OF, damageText, FORMAT_VERSION, noCounts } from './lines.js';
import { LineOpener } from './sealed-lines.js';
import { hasManyValues } from '../json/count-values.js';
import type { ImportCounts, ImportProblem, ImportReport } from './migration.dto.js';

export interface ImportOptions {
  readonly onConflict: OnConflict;
  readonly isDryRun: boolean;
  /** Opens sealed lines. */
  readonly keyring: Keyring;
  readonly maxStateBytes?: number;
  /** Report the outcome of each record. */
  readonly each?: boolean;
  /** Called with every problem; the report has only the first ones. */
  readonly onProblem?: (problem: ImportProblem) => void;
}

/** The stream is not an export, so nothing was imported. */
export class ImportHeaderMissingError extends ServiceError {
  readonly code = 'IMPORT_HEADER_MISSING';

  constructor(why: string) {
    super(`This is not an export: ${why}. Nothing was imported`);
  }
}

const MAX_PROBLEMS_SHOWN = 100;
/** Characters. A shorter line is parsed at once. */
const LONG_LINE = 256 * 1024;
/** States and payloads are texts in a line, so that a record has few values: a thousand events are the most. */
const MAX_VALUES_OF_LINE = 100_000;
const RECORDS_PER_GROUP = 64;
const BYTES_PER_GROUP = 4 * 1024 * 1024;

interface Waiting extends Arrival {
  readonly line: number;
  readonly place: number;
}

/**
 * Imports lines, a few records at a time. Without a header nothing is imported. Invalid lines are reported and skipped;
 * sealed ones without their key end the import.
 */
export class Importer {
  readonly #opener: LineOpener;
  readonly #seen = noCounts();
  readonly #counts: ImportCounts = { created: 0, updated: 0, same: 0, kept: 0, conflict: 0, expired: 0, removed: 0 };
  readonly #problems: ImportProblem[] = [];
  readonly #outcomes: string[] = [];
  #problemCount = 0;
  #line = 0;
  #hasHeader = false;
  #isEnded = false;
  #isWhole = false;
  #tenant = '';
  #waiting: Waiting[] = [];
  #bytes = 0;

  constructor(
    private readonly moving: Moving,
    private readonly options: ImportOptions,
  ) {
    this.#opener = new LineOpener(options.keyring);
  }

  /** @throws ImportHeaderMissingError @throws EncryptionUnavailableError @throws SealKeyUnknownError */
  async take(lines: AsyncIterable<string>): Promise<ImportReport> {
    for await (const line of lines) {
      this.#line++;
      if (line.trim() === '') continue;
      if (!this.#hasHeader) {
        await this.#begin(line);
        continue;
      }
      try {
        await this.#take(line);
      } catch (error) {
        if (!(error instanceof InvalidLineError)) throw error;
        this.#outcome('invalid');
        this.#problem(this.#line, error.message);
      }
    }
    if (!this.#hasHeader) throw new ImportHeaderMissingError('it is empty');
    await this.#flush();
    if (!this.#isEnded) this.#problem(this.#line + 1, 'the stream was cut: there is no end line');
    return {
      counts: this.#counts,
      lines: this.#line,
      isComplete: this.#isWhole,
      damaged: this.#seen.damaged,
      problems: this.#problems,
      problemCount: this.#problemCount,
      ...(this.options.each === true && { outcomes: this.#outcomes }),
    };
  }

  /** Takes the header. @throws ImportHeaderMissingError for any other line */
  async #begin(text: string): Promise<void> {
    try {
      const value = await parsedInTurns(text);
      if (value['kind'] !== 'header' || value['format'] !== 'waymark')
        throw new InvalidLineError('the first line must be a header with the format "waymark"');
      if (value['version'] !== FORMAT_VERSION)
        throw new InvalidLineError(
          `it has format ${String(value['version'])}; this version reads format ${FORMAT_VERSION}`,
        );
      this.#opener.begin(value);
      this.#hasHeader = true;
    } catch (error) {
      if (!(error instanceof InvalidLineError)) throw error;
      throw new ImportHeaderMissingError(`line ${this.#line}: ${error.message}`);
    }
  }

  async #take(text: string): Promise<void> {
    const value = await parsedInTurns(text);
    if (this.#isEnded) throw new InvalidLineError('no line may follow the end line');
    switch (value['kind']) {
      case 'header':
        throw new InvalidLineError('only the first line can be a header');
      case 'damaged':
        return this.#damaged(value);
      case 'end':
        this.#isEnded = true;
        return this.#checkEnd(value);
      case 'remove':
        return this.#remove(value);
      default:
        return this.#record(this.#opener.open(value));
    }
  }

  async #record(value: Fields): Promise<void> {
    const tenant = tenantOf(value);
    const record = await checkedInTurns(value, this.options.maxStateBytes ?? Infinity);
    this.#seen[COUNT_OF[record.kind]]++;
    // A group has one tenant and each id once: a later record with the same id wins.
    const isAgain = this.#waiting.some(({ record: other }) => other.kind === record.kind && other.id === record.id);
    const bytes = sizeOfRecord(record);
    const isFull = this.#waiting.length >= RECORDS_PER_GROUP || this.#bytes + bytes > BYTES_PER_GROUP;
    if (tenant !== this.#tenant || isAgain || isFull) await this.#flush();
    this.#tenant = tenant;
    const { onConflict, isDryRun } = this.options;
    const { replaces } = value;
    this.#waiting.push({
      record,
      onConflict,
      isDryRun,
      ...(typeof replaces === 'string' && { replaces }),
      line: this.#line,
      place: this.#outcome('invalid'),
    });
    this.#bytes += bytes;
  }

  async #flush(): Promise<void> {
    const waiting = this.#waiting;
    this.#waiting = [];
    this.#bytes = 0;
    if (waiting.length === 0) return;
    const arrivals = waiting.map(({ line: _line, place: _place, ...arrival }) => arrival);
    const arrived = await this.moving
      .putAll(this.#tenant, arrivals)
      .catch((error: unknown) => this.#putOneByOne(arrivals, error));
    arrived.forEach((one, i) => {
      const { line, place, record } = waiting[i] as Waiting;
      if (typeof one !== 'string') return this.#problem(line, one.message);
      this.#counts[one]++;
      this.#outcomes[place] = one;
      if (one === 'conflict') this.#problem(line, `the store has a different ${record.kind} ${record.id} already`);
    });
  }

  /** Puts each record by itself, to find the refused one. @throws the error when the store is unreachable or full */
  async #putOneByOne(arrivals: readonly Arrival[], first: unknown): Promise<(Arrived | ServiceError)[]> {
    if (!(first instanceof ServiceError) || isOfStore(first)) throw first;
    const arrived: (Arrived | ServiceError)[] = [];
    for (const { record, ...options } of arrivals) {
      try {
        arrived.push(await this.moving.put(this.#tenant, record, options));
      } catch (error) {
        if (!(error instanceof ServiceError) || isOfStore(error)) throw error;
        arrived.push(error);
      }
    }
    return arrived;
  }

  async #remove(value: Fields): Promise<void> {
    const { of, id, stamp } = value;
    if ((of !== 'workflow' && of !== 'task') || typeof id !== 'string' || typeof stamp !== 'string') {
      throw new InvalidLineError('a remove line needs the members of ("workflow" or "task"), id and stamp');
    }
    await this.#flush();
    const isRemoved = !this.options.isDryRun && (await this.moving.remove(tenantOf(value), of, id, stamp));
    if (isRemoved) this.#counts.removed++;
    this.#outcome(isRemoved ? 'removed' : 'kept');
  }

  /** A record that the exporting store could not read: it is missing here. */
  #damaged(value: Fields): void {
    const line = checkedDamage(value, tenantOf(value));
    this.#seen.damaged++;
    this.#problem(this.#line, `missing, because it was damaged when it was exported: ${damageText(line)}`);
  }

  #checkEnd(value: Fields): void {
    for (const [name, count] of Object.entries(this.#seen)) {
      // Earlier versions had neither boards nor damaged records.
      if ((value[name] ?? 0) !== count) {
        throw new InvalidLineError(`the end line counts ${String(value[name])} ${name}, but ${count} were received`);
      }
    }
    this.#isWhole = true;
  }

  #outcome(outcome: string): number {
    if (this.options.each !== true) return 0;
    return this.#outcomes.push(outcome) - 1;
  }

  #problem(line: number, message: string): void {
    this.#problemCount++;
    this.options.onProblem?.({ line, message });
    if (this.#problems.length < MAX_PROBLEMS_SHOWN) this.#problems.push({ line, message });
  }
}

/** Parses a long line in a turn of the event loop of its own, between that of its bytes and that of its record. */
async function parsedInTurns(text: string): Promise<Fields> {
  if (text.length <= LONG_LINE) return parsed(text);
  if (hasManyValues(text, MAX_VALUES_OF_LINE))
    throw new InvalidLineError(`it has more than ${MAX_VALUES_OF_LINE} values outside of texts; no record has as many`);
  await setImmediate();
  const value = parsed(text);
  await setImmediate();
  return value;
}

function parsed(text: string): Fields {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new InvalidLineError('not JSON');
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Fields;
  throw new InvalidLineError('each line must be a JSON object');
}

function tenantOf({ tenant = 'default' }: Fields): string {
  if (typeof tenant === 'string' && isTenant(tenant)) return tenant;
  throw new InvalidLineError('tenant is not a valid name');
}
