import { Module } from '@nestjs/common';
import { Durability } from './durability.js';
import { Idempotency } from './idempotency.js';

/** One for all features: a key that is in use must be known wherever it comes in again. */
@Module({ providers: [Durability, Idempotency], exports: [Idempotency] })
export class HttpModule {}
