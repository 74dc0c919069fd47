import { describe, expect, it } from '@jest/globals';
import { unknownNames } from './unknown-names.js';

const of = (...names: string[]) => unknownNames(Object.fromEntries(names.map((name) => [name, 'x'])));

describe('names in the environment that are no settings', () => {
  it.each([
    ['WORKFLOW_STATE_TLL', 'WORKFLOW_STATE_TTL'],
    ['REDIS_PASSWROD', 'REDIS_PASSWORD'],
    ['REDS_URL', 'REDIS_URL'],
    ['QUEUE_MAX_TASK', 'QUEUE_MAX_TASKS'],
    ['FEED_MAX_EVENT', 'FEED_MAX_EVENTS'],
    ['TASK_RESULTS_TTL', 'TASK_RESULT_TTL'],
    ['ROUTING_AGENT', 'ROUTING_AGENTS'],
    ['CIRCUIT_BREAKER_ENABLE', 'CIRCUIT_BREAKER_ENABLED'],
    ['DATA_DRI', 'DATA_DIR'],
    ['RATE_LIMIT_BURST', 'RATE_LIMIT_BURST_SIZE'],
    ['TENANT_DEFAULT', 'TENANT_DEFAULTS'],
    ['TOKEN_ENCRYPTION_OLD_KEY', 'TOKEN_ENCRYPTION_OLD_KEYS'],
  ])('%s is warned of, with %s as the nearest', (name, nearest) => {
    expect(of(name)).toEqual([`${name} is not a setting; the nearest is ${nearest}`]);
  });

  it.each([
    ['CAS_MESSAGE_BUS', 'USE_REDIS'],
    ['QUEUE_BACKEND', 'USE_REDIS'],
    ['REDIS_CONSUMER', '--consumer'],
    ['SESSION_TTL', 'not supported'],
    ['REDIS_MAX_MEMORY', 'maxmemory'],
  ])('%s of an older program is warned of, with its replacement', (name, instead) => {
    expect(of(name)).toEqual([expect.stringMatching(new RegExp(`^${name} .*${instead}`))]);
  });

  it('are left alone when they belong to somebody else', () => {
    expect(of('PATH', 'HOME', 'LANG', 'POST', 'NODE_ENV', 'REDISCLI_AUTH', 'REDIS_SERVICE_HOST')).toEqual([]);
    expect(of('REDIS_PORT_6379_TCP_ADDR', 'WAYMARK_URL', 'REDIS_URL', 'REDIS_PASSWORD_FILE', 'REDIS_ENABLE')).toEqual(
      [],
    );
  });
});
