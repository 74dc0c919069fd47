import { Module } from '@nestjs/common';
import { Config } from '../../config/config.js';
import { isLoopback } from '../../config/is-loopback.js';
import { TrustedProxies } from './client-address.js';
import { LocalCallers } from './local-callers.js';
import { SocketOwners } from './socket-owners.js';
import { WebRules } from './web-rules.js';

/** Rules about hosts, pages, proxies and local callers, made from the settings. */
@Module({
  providers: [
    {
      provide: TrustedProxies,
      inject: [Config],
      useFactory: ({ web }: Config) => new TrustedProxies(web.trustedProxies),
    },
    {
      provide: WebRules,
      inject: [Config, TrustedProxies],
      useFactory: (config: Config, proxies: TrustedProxies) => new WebRules(config, proxies),
    },
    {
      provide: LocalCallers,
      inject: [Config],
      useFactory: async ({ host, access }: Config) => {
        const owners = new SocketOwners();
        const isNeeded = access.isOpen && isLoopback(host);
        return new LocalCallers(isNeeded && (await owners.canTell()) ? owners : undefined);
      },
    },
  ],
  exports: [TrustedProxies, WebRules, LocalCallers],
})
export class WebModule {}
