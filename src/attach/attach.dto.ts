import { ON_CONFLICT, type OnConflict } from '../engine/moving/arrival.js';
import { Count, Integer, OneOf, Text, Time } from '../http/shapes/fields.js';

const PHASES = ['idle', 'connecting', 'copying', 'catching-up', 'verifying', 'handing-over', 'done', 'failed'] as const;
export type AttachPhase = (typeof PHASES)[number];

export class AttachRequest {
  @Text({ pattern: /^rediss?:\/\//, says: 'must be a redis:// or rediss:// URL', example: 'redis://localhost:6379' })
  redisUrl!: string;
  @OneOf(ON_CONFLICT, { default: 'fail' }) onConflict!: OnConflict;
}

/** Progress of the move to Redis that was started last. */
export class AttachReport {
  @OneOf(PHASES) readonly phase!: AttachPhase;
  @Text({ nullable: true, about: 'The Redis that takes over, without passwords; null before the first move' })
  readonly redis!: string | null;
  @Time({ nullable: true }) readonly startedAtMs!: number | null;
  @Time({ nullable: true }) readonly endedAtMs!: number | null;
  @Count() readonly created!: number;
  @Count() readonly updated!: number;
  @Count() readonly same!: number;
  @Count() readonly kept!: number;
  @Integer({ nullable: true, about: 'How long requests waited at the end' }) readonly heldUpMs!: number | null;
  @Text({ nullable: true, about: 'Reason of a failure, after which the service serves from memory as before' })
  readonly error!: string | null;
}
