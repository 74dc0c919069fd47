import { beforeEach, describe, expect, it } from '@jest/globals';
import { engineOptions, workflowIndex } from '../../../test/support/memory-commits.js';
import { TestClock } from '../../../test/support/clock.js';
import { MemoryEngine } from '../../engine/memory/memory-engine.js';
import type { Caller } from '../../http/caller.js';
import { CredentialExpiredError, InvalidCredentialError, KeyExistsError } from '../access-errors.js';
import { ROLES } from '../scopes.js';
import { TenantRecords } from '../tenants/tenant-records.js';
import { newKeyId, newToken } from '../token.js';
import { KeyTokens } from './key-tokens.js';
import { Keys } from './keys.js';
import { LastUsed } from './last-used.js';

const OPERATOR: Caller = { tenant: 'default', by: 'operator', kind: 'operator', scopes: ROLES.operator };

describe('the verification of a key', () => {
  let clock: TestClock;
  let keys: Keys;
  let tokens: KeyTokens;
  let asked: string[];
  beforeEach(() => {
    clock = new TestClock();
    const engine = new MemoryEngine({ options: engineOptions, index: workflowIndex, clock: clock.read });
    const tenants = new TenantRecords(engine, { cacheTtlMs: 60_000, offlineTtlMs: 0 }, clock.read);
    asked = [];
    const find = (name: string) => {
      asked.push(name);
      return tenants.find(name);
    };
    keys = new Keys(engine, new LastUsed(engine, tenants), clock.read);
    tokens = new KeyTokens(engine, { find }, clock.read);
  });
  const make = async (more: object = {}) => {
    const { found, token = '' } = await keys.create(OPERATOR, { name: 'x', role: 'reader', ...more });
    return { id: found.id, token };
  };
  const refusal = (token: string) => tokens.verify(token).catch((error: unknown) => error);

  it('asks for no tenant whose key is not there, whatever names strangers send', async () => {
    const { id, token } = await make();
    for (const tenant of ['default', 'nobody', 'a', 'b'])
      for (const one of [id, newKeyId()])
        expect(await refusal(newToken({ kind: 'key', tenant, id: one }))).toBeInstanceOf(InvalidCredentialError);
    expect(asked).toEqual([]);
    expect((await tokens.verify(token)).tenant?.value).toEqual({ status: 'active' });
    expect(asked).toEqual(['default']);
  });

  it('tells the holder of the right secret that the key has expired, also of an old secret', async () => {
    const { id, token } = await make({ ttlSeconds: 10 });
    const rotated = await keys.rotate(OPERATOR, id, undefined, { graceSeconds: 100 });
    for (const one of [token, rotated.token as string]) {
      const { caller, endsAtMs } = await tokens.verify(one);
      expect([caller.expiresAtMs, endsAtMs]).toEqual([clock.read() + 10_000, clock.read() + 10_000]);
    }
    clock.advance(10_000);
    for (const one of [token, rotated.token as string])
      expect(await refusal(one)).toBeInstanceOf(CredentialExpiredError);
  });

  it('ends an old secret with its grace, to the millisecond', async () => {
    const { id, token } = await make();
    await keys.rotate(OPERATOR, id, undefined, { graceSeconds: 5 });
    clock.advance(4999);
    expect((await tokens.verify(token)).caller.keyId).toBe(id);
    clock.advance(1);
    expect(await refusal(token)).toBeInstanceOf(InvalidCredentialError);
  });

  it('never meets a key of a tenant where operators mean one of theirs', async () => {
    const { id } = await make({ role: 'operator' });
    await expect(make({ id })).rejects.toThrow(KeyExistsError);
    await expect(make({ id, role: 'operator' })).rejects.toThrow(KeyExistsError);
    expect((await keys.get(OPERATOR, id)).value.role).toBe('operator');
  });
});
