import type { LoggerService } from '@nestjs/common';
import { pino, type Level, type Logger } from 'pino';
import type { Config } from '../config/config.js';

/** The log of the framework, the service and its requests: JSON lines, or text on a terminal. */
export function createLogger({ logLevel, logFormat }: Pick<Config, 'logLevel' | 'logFormat'>): Logger {
  const options = { level: logLevel, base: { service: 'waymark' }, timestamp: pino.stdTimeFunctions.isoTime };
  return logFormat === 'pretty'
    ? pino({
        ...options,
        transport: {
          target: 'pino-pretty',
          options: { ignore: 'service,hostname,pid', translateTime: 'SYS:HH:MM:ss' },
        },
      })
    : pino(options);
}

/** Contexts of Nest that write about a hundred lines at start; logged at debug. */
const FRAMEWORK = new Set(['NestFactory', 'NestApplication', 'InstanceLoader', 'RoutesResolver', 'RouterExplorer']);

/** Adapts Nest's logger to pino. The last parameter is Nest's context: the name of the logging class. */
export class NestLogger implements LoggerService {
  constructor(private readonly logger: Logger) {}

  log(message: unknown, ...rest: unknown[]): void {
    this.#write(FRAMEWORK.has(String(rest.at(-1))) ? 'debug' : 'info', message, rest);
  }

  readonly error = (message: unknown, ...rest: unknown[]): void => this.#write('error', message, rest);
  readonly warn = (message: unknown, ...rest: unknown[]): void => this.#write('warn', message, rest);
  readonly debug = (message: unknown, ...rest: unknown[]): void => this.#write('debug', message, rest);
  readonly verbose = (message: unknown, ...rest: unknown[]): void => this.#write('trace', message, rest);
  readonly fatal = (message: unknown, ...rest: unknown[]): void => this.#write('fatal', message, rest);

  #write(level: Level, message: unknown, rest: readonly unknown[]): void {
    const context = rest.at(-1);
    const stack = rest.length > 1 ? rest[0] : undefined;
    const fields = { ...(typeof context === 'string' && { context }), ...(typeof stack === 'string' && { stack }) };
    if (typeof message === 'object' && message !== null) this.logger[level]({ ...fields, ...message });
    else this.logger[level](fields, String(message));
  }
}
