import { Module } from '@nestjs/common';
import { Durability } from './durability.js';
import { Idempotency } from './idempotency.js';

/** Shared by all features: a key in use must be known to every route. */
@Module({ providers: [Durability, Idempotency], exports: [Idempotency] })
export class HttpModule {}
