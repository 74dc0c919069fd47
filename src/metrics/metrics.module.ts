import { Global, Module } from '@nestjs/common';
import { StoreObserver } from '../engine/store-observer.js';
import { Metrics } from './metrics.js';
import { MetricsController } from './metrics.controller.js';

@Global()
@Module({
  controllers: [MetricsController],
  providers: [Metrics, { provide: StoreObserver, useExisting: Metrics }],
  exports: [Metrics, StoreObserver],
})
export class MetricsModule {}
