import { Module, type DynamicModule } from '@nestjs/common';
import { ConfigModule as NestConfigModule, ConfigService, registerAs } from '@nestjs/config';
import { Config } from './config.js';

/** Makes the configuration, read and valid, known to everybody by the token `Config`. */
@Module({})
export class ConfigModule {
  static with(config: Config): DynamicModule {
    return {
      module: ConfigModule,
      global: true,
      // Files are not read here: the environment is the one source, and it has been checked as a whole.
      imports: [
        NestConfigModule.forRoot({ ignoreEnvFile: true, load: [registerAs('waymark', () => ({ ...config }))] }),
      ],
      providers: [
        {
          provide: Config,
          inject: [ConfigService],
          useFactory: (all: ConfigService) => all.getOrThrow<Config>('waymark'),
        },
      ],
      exports: [Config],
    };
  }
}
