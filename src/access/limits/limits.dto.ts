import { Count, Flag, Integer, ListOf, OneOf, Text } from '../../http/shapes/fields.js';

const MAX_TAKE_WAIT_MS = 30_000;
const MAX_COST = 100_000_000;
const NAME = /^[A-Za-z0-9_:\-@~+][A-Za-z0-9._:\-@~+]{0,133}$/;

export class LimitPath {
  @Text({ pattern: NAME, says: 'must be the name of a limit', about: 'Name of a limit', example: 'llm' }) name!: string;
}

/** Part of a bucket's name, so any text will do; the store keeps a digest. */
const KEY = { max: 256, says: 'must be a text of at most 256 characters', about: 'Each key has a bucket of its own' };

export class LimitKeyQuery {
  @Text({ ...KEY, optional: true, example: 'model-7' }) key?: string;
}

export class LimitGive {
  @Integer({ min: 1, max: MAX_COST, default: 1 }) cost!: number;
  @Text({ ...KEY, optional: true, example: 'model-7' }) key?: string;
}

export class LimitTake extends LimitGive {
  @Integer({ min: 0, max: MAX_TAKE_WAIT_MS, default: 0, about: 'Time to wait for it' }) waitMs!: number;
}

export class LimitTaken {
  @Flag() allowed!: boolean;
  @Count({ about: 'What could be taken at once, about' }) remaining!: number;
  @Count({ about: 'When the same cost can be had; 0 if it was allowed' }) retryAfterMs!: number;
}

export class LimitGiven {
  @Count({ about: 'What could be taken at once, about' }) remaining!: number;
}

export class LimitView {
  @Text() name!: string;
  @Integer({ min: 1 }) limit!: number;
  @Integer({ min: 1 }) windowMs!: number;
  @Integer({ min: 1 }) burst!: number;
  @OneOf(['tenant', 'user', 'key', 'ip']) per!: 'tenant' | 'user' | 'key' | 'ip';
  @OneOf(['enforce', 'shadow']) mode!: 'enforce' | 'shadow';
  @Count({ nullable: true, about: 'What this caller could take at once; null where it has no bucket' })
  remaining!: number | null;
}

export class LimitList {
  @ListOf(() => LimitView) items!: readonly LimitView[];
}
