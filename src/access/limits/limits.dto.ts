import { Count, Flag, Integer, ListOf, OneOf, Text } from '../../http/shapes/fields.js';

const MAX_TAKE_WAIT_MS = 30_000;
const MAX_COST = 100_000_000;
const NAME = /^[A-Za-z0-9_:\-@~+][A-Za-z0-9._:\-@~+]{0,133}$/;

export class LimitPath {
  @Text({ pattern: NAME, says: 'must be the name of a limit', about: 'Name of a limit', example: 'llm' }) name!: string;
}

/** Part of the name of a bucket. Any text is allowed, since the store keeps a digest. */
const KEY = { max: 256, says: 'must be a text of at most 256 characters', about: 'Each key has a bucket of its own' };

export class LimitKeyQuery {
  @Text({ ...KEY, optional: true, example: 'model-7' }) key?: string;
}

export class LimitGive {
  @Integer({ min: 1, max: MAX_COST, default: 1 }) cost!: number;
  @Text({ ...KEY, optional: true, example: 'model-7' }) key?: string;
}

export class LimitTake extends LimitGive {
  @Integer({ min: 0, max: MAX_TAKE_WAIT_MS, default: 0, about: 'Maximum time to wait for the tokens' }) waitMs!: number;
}

export class LimitTaken {
  @Flag() allowed!: boolean;
  @Count({ about: 'Approximate number of tokens that are available at once' }) remaining!: number;
  @Count({ about: 'Time until the same cost is available; 0 if it was allowed' }) retryAfterMs!: number;
}

export class LimitGiven {
  @Count({ about: 'Approximate number of tokens that are available at once' }) remaining!: number;
}

export class LimitView {
  @Text() name!: string;
  @Integer({ min: 1 }) limit!: number;
  @Integer({ min: 1 }) windowMs!: number;
  @Integer({ min: 1 }) burst!: number;
  @OneOf(['tenant', 'user', 'key', 'ip']) per!: 'tenant' | 'user' | 'key' | 'ip';
  @OneOf(['enforce', 'shadow']) mode!: 'enforce' | 'shadow';
  @Count({ nullable: true, about: 'Tokens that this caller could take at once; null if the caller has no bucket' })
  remaining!: number | null;
}

export class LimitList {
  @ListOf(() => LimitView) items!: readonly LimitView[];
}
