import { describe, expect, it } from '@jest/globals';
import { POLICIES_SCHEMA, readPolicies } from './policies.js';
import { readConfig } from './read-config.js';

const read = (given: unknown) => {
  const faults: string[] = [];
  const policies = readPolicies(given, ({ pointer }) => faults.push(pointer));
  return { policies, faults };
};
const BASE = { limit: 60, windowMs: 60_000 };

describe('limits as they are written', () => {
  it('have a burst of a sixth, are of the tenant and enforced, if they do not say otherwise', () => {
    const { policies, faults } = read({ llm: BASE, user: BASE, key: BASE, 'queue:Mail.Out': BASE, write: null });
    expect(faults).toEqual([]);
    const whole = { ...BASE, burst: 10, mode: 'enforce' };
    expect(policies).toEqual({
      llm: { ...whole, per: 'tenant' },
      user: { ...whole, per: 'user' },
      key: { ...whole, per: 'key' },
      'queue:Mail.Out': { ...whole, per: 'tenant' },
      write: null,
    });
    const given = { ...BASE, burst: 3, per: 'ip', mode: 'shadow' };
    expect(read({ read: given }).policies).toEqual({ read: given });
    expect(read({ read: { ...BASE, limit: 1 } }).policies['read']).toMatchObject({ burst: 1 });
  });

  it.each([
    ['no object', [], ['']],
    ['a name with capitals', { LLM: BASE }, ['/LLM']],
    ['a name with a dot in front', { '.a': BASE }, ['/.a']],
    ['the limit of strangers', { ip: BASE }, ['/ip']],
    ['no policy', { llm: 60 }, ['/llm', '/llm/windowMs', '/llm/limit']],
    ['a limit of 0', { llm: { ...BASE, limit: 0 } }, ['/llm/limit']],
    ['half a request', { llm: { ...BASE, limit: 1.5 } }, ['/llm/limit']],
    ['a window of a moment', { llm: { ...BASE, windowMs: 999 } }, ['/llm/windowMs']],
    ['more than microseconds can tell', { llm: { limit: 200_000, windowMs: 1000 } }, ['/llm/limit']],
    ['a burst of 0', { llm: { ...BASE, burst: 0 } }, ['/llm/burst']],
    ['an unknown member', { llm: { ...BASE, window: 1 } }, ['/llm/window']],
    ['an unknown mode', { llm: { ...BASE, mode: 'dry' } }, ['/llm/mode']],
    ['a limit of users per tenant', { user: { ...BASE, per: 'tenant' } }, ['/user/per']],
    ['a limit of a queue per user', { 'queue:a': { ...BASE, per: 'user' } }, ['/queue:a/per']],
  ])('are refused: %s', (_, given, faults) => {
    expect(read(given).faults).toEqual(faults);
  });

  it('are as many as the schema says', () => {
    const many = Object.fromEntries(
      Array.from({ length: POLICIES_SCHEMA.maxProperties + 1 }, (_, n) => [`l${n}`, BASE]),
    );
    expect(read(many).faults).toEqual(['']);
  });
});

describe('limits of the settings', () => {
  const limits = (env: Record<string, string>) => readConfig(env).limits;

  it('are 60 a minute and 10 at once for users and addresses', () => {
    const rate = { limit: 60, windowMs: 60_000, burst: 10, mode: 'enforce' };
    expect(limits({})).toEqual({
      ip: { ...rate, per: 'ip' },
      byDefault: { user: { ...rate, per: 'user' } },
      headers: 'both',
    });
    expect(limits({ RATE_LIMIT_ENABLED: 'false' })).toEqual({ byDefault: {}, headers: 'both' });
    expect(
      limits({ RATE_LIMIT_SUBJECTS: 'key', RATE_LIMIT_REQUESTS_PER_MINUTE: '600', RATE_LIMIT_BURST_SIZE: '20' }),
    ).toEqual({ byDefault: { key: { ...rate, limit: 600, burst: 20, per: 'key' } }, headers: 'both' });
  });

  it('are those of TENANT_DEFAULTS over them', () => {
    const { byDefault } = limits({
      TENANT_DEFAULTS: '{"limits": {"user": null, "write": {"limit": 600, "windowMs": 60000, "burst": 50}}}',
    });
    expect(byDefault).toEqual({
      user: null,
      write: { limit: 600, windowMs: 60_000, burst: 50, per: 'tenant', mode: 'enforce' },
    });
  });

  it.each([
    ['{"limits": {"write": {"limit": 0, "windowMs": 60000}}}', /limits\/write\/limit must be an integer/],
    ['{"quotas": {}}', /"quotas" is not known/],
    ['{', /must be JSON/],
    ['/nowhere.json', /path of a JSON file/],
    ['{"limits": []}', /limits must be an object/],
  ])('are refused: %s', (text, says) => {
    expect(() => readConfig({ TENANT_DEFAULTS: text })).toThrow(says);
  });
});
