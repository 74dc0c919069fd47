import { Global, Logger, Module, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { Config } from '../config/config.js';
import { isLoopback } from '../config/is-loopback.js';
import { Engine } from '../engine/engine.js';
import { Readmission } from '../waiting/live-callers.js';
import { Admission } from './admission.js';
import { CallerCache } from './caller-cache.js';
import { JwtCallers } from './jwt-callers.js';
import { JwtVerifier } from './jwt.js';
import { KeyTokens } from './keys/key-tokens.js';
import { Keys } from './keys/keys.js';
import { KeysController } from './keys/keys.controller.js';
import { LastUsed } from './keys/last-used.js';
import { RateLimiter } from './limits/limiter.js';
import { LimitsModule } from './limits/limits.module.js';
import { writeOperatorFile } from './operator-file.js';
import { Keyring } from './seal/keyring.js';
import { OperatorToken } from './operator-token.js';
import { Eraser } from './tenants/eraser.js';
import { OwnTenantController } from './tenants/own-tenant.controller.js';
import { TenantSettings } from './tenants/tenant-settings.js';
import { Tenants } from './tenants/tenants.js';
import { TenantsController } from './tenants/tenants.controller.js';
import { TenantRecords } from './tenants/tenant-records.js';
import { sourcesOf } from './token-sources.js';
import { UserTokens } from './user-tokens.js';
import { TrustedProxies } from './web/client-address.js';
import { LocalCallers } from './web/local-callers.js';
import { WebRules } from './web/web-rules.js';
import { WebModule } from './web/web.module.js';
import { WhoAmIController } from './whoami.controller.js';

@Global()
@Module({
  imports: [WebModule, LimitsModule],
  controllers: [KeysController, TenantsController, OwnTenantController, WhoAmIController],
  providers: [
    {
      provide: LastUsed,
      inject: [Engine, TenantRecords],
      useFactory: (engine: Engine, tenants: TenantRecords) => new LastUsed(engine, tenants),
    },
    {
      provide: TenantRecords,
      inject: [Engine, Config],
      useFactory: (engine: Engine, { access }: Config) => new TenantRecords(engine, access),
    },
    { provide: Tenants, inject: [Engine], useFactory: (engine: Engine) => new Tenants(engine) },
    {
      provide: Eraser,
      inject: [Engine, Config],
      useFactory: (engine: Engine, { access }: Config) => new Eraser(engine, access),
    },
    { provide: TenantSettings, inject: [Engine], useFactory: (engine: Engine) => new TenantSettings(engine) },
    {
      provide: Keys,
      inject: [Engine, LastUsed],
      useFactory: (engine: Engine, lastUsed: LastUsed) => new Keys(engine, lastUsed),
    },
    {
      provide: CallerCache,
      inject: [Config, Engine, TenantRecords, LastUsed, TrustedProxies],
      useFactory: async (
        config: Config,
        engine: Engine,
        tenants: TenantRecords,
        lastUsed: LastUsed,
        proxies: TrustedProxies,
      ) => {
        const { access, jwt } = config;
        const issued = jwt && new JwtCallers(await JwtVerifier.create(jwt, warnOf(jwt.issuer)));
        const users = issued && new UserTokens(issued, tenants, access);
        return new CallerCache({
          sourceOf: sourcesOf({ operator: operatorOf(config), keys: new KeyTokens(engine, tenants), users }),
          times: access,
          addressOf: (request) => proxies.addressOf(request),
          onUse: (caller) => lastUsed.note(caller, Date.now()),
        });
      },
    },
    {
      provide: Admission,
      inject: [Config, CallerCache, TenantRecords, WebRules, LocalCallers, RateLimiter],
      useFactory: (
        { host, access }: Config,
        verifier: CallerCache,
        tenants: TenantRecords,
        web: WebRules,
        local: LocalCallers,
        limiter: RateLimiter,
      ) => {
        // On other addresses ACCESS=open was set explicitly, so every caller is served.
        const openRule = isLoopback(host) ? local : undefined;
        return new Admission({ isOpen: access.isOpen, rules: [web], openRule, verifier, tenants, limiter });
      },
    },
    { provide: Keyring, inject: [Config], useFactory: ({ encryption }: Config) => new Keyring(encryption) },
    { provide: Readmission, useExisting: Admission },
  ],
  exports: [Admission, Keyring, Readmission, TenantRecords, LimitsModule, WebModule],
})
export class AccessModule implements OnApplicationBootstrap, OnModuleDestroy {
  constructor(
    private readonly callers: CallerCache,
    private readonly tenants: TenantRecords,
    private readonly lastUsed: LastUsed,
    private readonly eraser: Eraser,
  ) {}

  onApplicationBootstrap(): void {
    void this.eraser.wake();
  }

  async onModuleDestroy(): Promise<void> {
    await this.eraser.close();
    await this.lastUsed.close();
    this.callers.close();
    this.tenants.close();
  }
}

/**
 * The operator's token: ADMIN_TOKEN, else the token in a file of DATA_DIR. Without both there is no operator over HTTP.
 */
function operatorOf({ adminToken, dataDir }: Config): OperatorToken | undefined {
  const token = adminToken ?? (dataDir === undefined ? undefined : writeOperatorFile(dataDir));
  return token === undefined ? undefined : new OperatorToken(token);
}

/** Logs every failure. There are few: after a failed fetch there is a pause. */
function warnOf(issuer: string): (error: Error) => void {
  const logger = new Logger('Access');
  return ({ message }) => logger.warn(`keys of the issuer ${issuer} cannot be fetched: ${message}`);
}
