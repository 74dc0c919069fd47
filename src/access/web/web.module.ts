import { Logger, Module } from '@nestjs/common';
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
        if (!access.isOpen || !isLoopback(host)) return new LocalCallers(undefined);
        const owners = new SocketOwners();
        if (await owners.canTell()) return new LocalCallers(owners);
        new Logger('Access').warn(
          'this system does not show which user owns a connection: programs of all its users are served without a credential',
        );
        return new LocalCallers(undefined);
      },
    },
  ],
  exports: [TrustedProxies, WebRules, LocalCallers],
})
export class WebModule {}
