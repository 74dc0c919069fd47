import { didYouMean, nearestUrl } from '../../config/nearest-url.js';
import { durationMs, integerOf } from '../../config/units.js';

/** Options of all commands with a service. */
const COMMON = ['url', 'tenant', 'help'];

interface Range {
  readonly min: number;
  readonly max: number;
}

/**
 * Kind of a command: `data` works in one tenant, `manage` handles keys and limits of one tenant or several, `operate`
 * is for operators only.
 */
export type Use = 'data' | 'manage' | 'operate';

/** Invalid command line. The usage line is printed after the message. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** The arguments of a command; each is checked when it is read. */
export class Given {
  constructor(
    private readonly values: Readonly<Record<string, unknown>>,
    readonly words: readonly string[],
    readonly env: NodeJS.ProcessEnv,
    /** Decides which credential of the environment is sent. */
    readonly use: Use,
  ) {}

  /** Address of the service. @throws UsageError */
  get url(): string {
    const url = this.text('url') ?? (this.env['WAYMARK_URL'] || 'http://127.0.0.1:3000');
    if (URL.canParse(url) && ['http:', 'https:'].includes(new URL(url).protocol)) return url;
    throw new UsageError(
      `--url ${url}: must be like http://127.0.0.1:3000${didYouMean(nearestUrl(url, ['http', 'https']))}`,
    );
  }

  flag(name: string): boolean {
    return this.values[name] === true;
  }

  text(name: string): string | undefined {
    const value = this.values[name];
    if (value === '') throw new UsageError(`--${name}: must not be empty`);
    return value as string | undefined;
  }

  /** @throws UsageError */
  textRequired(name: string): string {
    const value = this.text(name);
    if (value === undefined) throw new UsageError(`--${name} is missing`);
    return value;
  }

  /** @throws UsageError */
  integer(name: string, { min, max }: Range): number | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const value = integerOf(text);
    if (value >= min && value <= max) return value;
    throw new UsageError(`--${name} ${text}: must be an integer from ${min} to ${max}`);
  }

  /** @throws UsageError */
  oneOf<T extends string>(name: string, allowed: readonly T[]): T | undefined {
    const text = this.text(name);
    const value = allowed.find((candidate) => candidate === text);
    if (text === undefined || value !== undefined) return value;
    throw new UsageError(`--${name} ${text}: must be ${allowed.join(' or ')}`);
  }

  /** Milliseconds. @throws UsageError */
  duration(name: string, { min, max }: Range): number | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const value = durationMs(text);
    if (value >= min && value <= max) return value;
    throw new UsageError(`--${name} ${text}: must be a duration such as 500ms, 30s or 5m, from ${min} to ${max} ms`);
  }

  /** @throws UsageError for an option that the verb does not have */
  noOptionsBut(names: readonly string[], verb: string): void {
    const other = Object.keys(this.values).find((name) => ![...names, ...COMMON].includes(name));
    if (other !== undefined) throw new UsageError(`--${other}: not an option of ${verb}`);
  }

  /** Items of a list that is separated by commas. @throws UsageError */
  list(name: string): readonly string[] | undefined {
    const items = this.text(name)
      ?.split(',')
      .map((item) => item.trim())
      .filter((item) => item !== '');
    if (items?.length === 0) throw new UsageError(`--${name}: must not be empty`);
    return items;
  }

  /** @throws UsageError for a word at this place or later */
  noWords(from = 0): void {
    const word = this.words[from];
    if (word !== undefined) throw new UsageError(`${word}: not expected here`);
  }
}
