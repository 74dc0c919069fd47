import type { IncomingMessage } from 'node:http';
import { Module, type OnModuleDestroy } from '@nestjs/common';
import { Config } from '../../config/config.js';
import { Engine } from '../../engine/engine.js';
import { WaitingModule } from '../../waiting/waiting.module.js';
import { TenantRecords } from '../tenants/tenant-records.js';
import { TrustedProxies } from '../web/client-address.js';
import { subjectOf } from '../web/ip-address.js';
import { WebModule } from '../web/web.module.js';
import { Leases } from './leases.js';
import { LimitMetrics } from './limit-metrics.js';
import { RateLimiter } from './limiter.js';
import { LimitsController } from './limits.controller.js';
import { QueueLimits } from './queue-limits.js';
import { TenantPolicies } from './tenant-policies.js';

@Module({
  imports: [WaitingModule, WebModule],
  controllers: [LimitsController],
  providers: [
    {
      provide: TenantPolicies,
      inject: [Config, TenantRecords],
      useFactory: ({ limits }: Config, tenants: TenantRecords) =>
        new TenantPolicies(limits.byDefault, (tenant) => tenants.peek(tenant)?.limits),
    },
    LimitMetrics,
    QueueLimits,
    {
      provide: Leases,
      inject: [Engine],
      useFactory: (engine: Engine) => new Leases({ take: (tenant, takes) => engine.take(tenant, takes) }),
    },
    {
      provide: RateLimiter,
      inject: [Config, TenantPolicies, Leases, LimitMetrics, TrustedProxies],
      useFactory: (
        { limits, access }: Config,
        policies: TenantPolicies,
        leases: Leases,
        metrics: LimitMetrics,
        proxies: TrustedProxies,
      ) => {
        const addressOf = (request: IncomingMessage) => subjectOf(proxies.addressOf(request));
        return new RateLimiter({ config: limits, isOpen: access.isOpen, policies, leases, metrics, addressOf });
      },
    },
  ],
  exports: [RateLimiter, QueueLimits],
})
export class LimitsModule implements OnModuleDestroy {
  constructor(private readonly leases: Leases) {}

  /** Gives back all tokens, so that other replicas can use them. */
  onModuleDestroy(): Promise<void> {
    return this.leases.close();
  }
}
