import { Transform } from 'class-transformer';
import {
  IsBoolean,
  IsIn,
  IsNotEmpty,
  IsNumber,
  IsOptional,
  Matches,
  Max,
  Min,
  MinLength,
  Validate,
  ValidatorConstraint,
  type ValidatorConstraintInterface,
} from 'class-validator';
import { parsePointer } from '../json/pointer.js';
import { durationMs, integer } from './units.js';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

const Integer = (min: number, max: number) => number(integer, min, max);
const Duration = (minMs: number, maxMs: number) => number(durationMs, minMs, maxMs);
const Flag = () =>
  both(
    Transform(
      ({ value }) => ({ true: true, '1': true, false: false, '0': false })[String(value).toLowerCase()] ?? value,
    ),
    IsBoolean(),
  );

function number(parse: (text: string) => number, min: number, max: number): PropertyDecorator {
  return both(
    Transform(({ value }) => (typeof value === 'string' ? parse(value) : (value as unknown))),
    IsNumber({ allowNaN: false }),
    Min(min),
    Max(max),
  );
}

function both(...decorators: PropertyDecorator[]): PropertyDecorator {
  return (target, name) => decorators.forEach((decorate) => decorate(target, name));
}

/** Words that a listing's query has a meaning for already, and the one name that is no name in this language. */
const TAKEN = ['limit', 'cursor', 'sort', 'idPrefix', 'updatedAfter', 'updatedBefore', 'include', '__proto__'];

/** host:port, several of them separated by commas; an IPv6 address in brackets. */
const ADDRESSES =
  /^\s*(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):\d{1,5}\s*(,\s*(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):\d{1,5}\s*)*$/;

@ValidatorConstraint()
class IndexPointers implements ValidatorConstraintInterface {
  validate(text: unknown): boolean {
    try {
      const names = pointersOf(String(text)).map((pointer) => parsePointer(pointer).at(-1) ?? '');
      return (
        new Set(names).size === names.length &&
        names.every((name) => /^[A-Za-z0-9_.-]+$/.test(name) && !TAKEN.includes(name))
      );
    } catch {
      return false;
    }
  }
}

export function pointersOf(text: string): string[] {
  return text
    .split(',')
    .map((pointer) => pointer.trim())
    .filter((pointer) => pointer !== '');
}

/** The environment, each name parsed and checked on its own; what the names mean together is read-config.ts's. */
export class Environment {
  @Integer(0, 65_535) PORT = 3000;
  @Matches(/^[A-Za-z0-9.:_-]+$/) HOST = '127.0.0.1';
  @IsOptional() @Flag() USE_REDIS?: boolean;
  @IsOptional() REDIS_URL?: string;
  @IsOptional() @Matches(/^[A-Za-z0-9.:_-]+$/) REDIS_HOST?: string;
  @IsOptional() @Integer(1, 65_535) REDIS_PORT?: number;
  @IsOptional() REDIS_USERNAME?: string;
  @IsOptional() REDIS_PASSWORD?: string;
  @IsOptional() @Integer(0, 65_535) REDIS_DB?: number;
  @IsOptional() @IsIn(['redis', 'rest']) REDIS_PROTOCOL?: 'redis' | 'rest';
  @IsOptional() UPSTASH_REDIS_REST_URL?: string;
  @IsOptional() UPSTASH_REDIS_REST_TOKEN?: string;
  @IsOptional() @Matches(ADDRESSES) REDIS_SENTINELS?: string;
  @IsOptional() @Matches(/^\S+$/) REDIS_SENTINEL_MASTER?: string;
  @IsOptional() REDIS_SENTINEL_USERNAME?: string;
  @IsOptional() REDIS_SENTINEL_PASSWORD?: string;
  @IsOptional() @Matches(ADDRESSES) REDIS_CLUSTER_NODES?: string;
  @IsOptional() @Flag() REDIS_TLS?: boolean;
  @IsOptional() REDIS_TLS_CA?: string;
  @Flag() REDIS_TLS_REJECT_UNAUTHORIZED = true;
  @IsOptional() @Matches(/^[A-Za-z0-9.:_*-]+$/) REDIS_TLS_SERVERNAME?: string;
  @Duration(50, MINUTE) REDIS_CONFIRM_TIMEOUT = SECOND;
  @Matches(/^[A-Za-z0-9._:{}-]*$/) REDIS_NAMESPACE = '';
  @Integer(2, 1000) REDIS_MAX_CONNECTIONS = 2;
  @Duration(50, MINUTE) REDIS_SOCKET_TIMEOUT = 2 * SECOND;
  @Duration(50, MINUTE) REDIS_SOCKET_CONNECT_TIMEOUT = 5 * SECOND;
  @IsIn(['memory', 'none']) REDIS_FALLBACK: 'memory' | 'none' = 'memory';
  @Integer(0, 64 * 1024 * 1024 * 1024) DETACHED_CACHE_BYTES = 64 * 1024 * 1024;
  @Integer(1024 * 1024, 64 * 1024 * 1024 * 1024) DETACHED_MAX_BYTES = 256 * 1024 * 1024;
  @Flag() CIRCUIT_BREAKER_ENABLED = true;
  @Integer(1, 1000) CIRCUIT_BREAKER_FAILURE_THRESHOLD = 5;
  @Integer(1, 1000) CIRCUIT_BREAKER_SUCCESS_THRESHOLD = 2;
  @Duration(SECOND, HOUR) CIRCUIT_BREAKER_TIMEOUT = 30 * SECOND;
  @Flag() ALLOW_EVICTION = false;
  @Duration(SECOND, 36_500 * 24 * HOUR) WORKFLOW_STATE_TTL = 24 * HOUR;
  @Validate(IndexPointers) WORKFLOW_INDEX = '/status,/document_type,/user_id,/case_id';
  @Integer(0, 1000) WORKFLOW_HISTORY_LIMIT = 50;
  @Integer(0, 64 * 1024 * 1024) WORKFLOW_HISTORY_MAX_BYTES = 1024 * 1024;
  @Integer(1024, 8 * 1024 * 1024) MAX_STATE_BYTES = 1024 * 1024;
  @Integer(1, 10_000_000) QUEUE_MAX_TASKS = 100_000;
  @Duration(SECOND, 30 * 24 * HOUR) TASK_RESULT_TTL = HOUR;
  @Duration(SECOND, 30 * 24 * HOUR) TASK_PROGRESS_TTL = 10 * MINUTE;
  @Duration(MINUTE, 365 * 24 * HOUR) TASK_WAIT_LIMIT = 7 * 24 * HOUR;
  @Duration(MINUTE, 365 * 24 * HOUR) DEAD_TASK_TTL = 7 * 24 * HOUR;
  @Integer(1, 1_000_000) QUEUE_MAX_DEAD = 10_000;
  @IsOptional() ROUTING_AGENTS?: string;
  @Duration(SECOND, 24 * HOUR) ROUTING_STATUS_TTL = 2 * MINUTE;
  @Integer(1000, 10_000_000) FEED_MAX_EVENTS = 100_000;
  @Duration(MINUTE, 365 * 24 * HOUR) FEED_MAX_AGE = 24 * HOUR;
  @Integer(1, 100_000) FEED_MAX_LISTENERS = 5000;
  @Integer(64 * 1024, 64 * 1024 * 1024) FEED_BUFFER_BYTES = 1024 * 1024;
  @IsOptional() @Integer(0, 65_535) WEBSOCKET_PORT?: number;
  @Matches(/^(\*|((https?:\/\/[A-Za-z0-9.:[\]-]+|null)(\s*,\s*(https?:\/\/[A-Za-z0-9.:[\]-]+|null))*)?)$/)
  WEBSOCKET_ORIGINS = '';
  @Flag() EXAMPLES = false;
  @IsOptional() DATA_DIR?: string;
  @IsOptional() @MinLength(16) ADMIN_TOKEN?: string;
  @IsNotEmpty() ENV_FILE = '.env';
  @IsIn(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']) LOG_LEVEL = 'info' as const;
  @IsOptional() @IsIn(['pretty', 'json']) LOG_FORMAT?: 'pretty' | 'json';
  @Duration(100, HOUR) REQUEST_TIMEOUT = 30 * SECOND;
  @Duration(100, HOUR) HEADERS_TIMEOUT = 10 * SECOND;
  @Duration(0, 10 * MINUTE) SHUTDOWN_DELAY = 0;
  @Duration(SECOND, 10 * MINUTE) SHUTDOWN_TIMEOUT = 10 * SECOND;
}
