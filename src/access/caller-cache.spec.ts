import type { IncomingMessage } from 'node:http';
import { BlockList } from 'node:net';
import { beforeEach, describe, expect, it } from '@jest/globals';
import type { Caller } from '../http/caller.js';
import type { Hint, Listener } from '../engine/engine.js';
import { StoreAwayError } from '../engine/errors.js';
import {
  AccessUnknownError,
  AddressNotAllowedError,
  CredentialExpiredError,
  InvalidCredentialError,
  TenantGoneError,
  TenantSuspendedError,
} from './access-errors.js';
import { CallerCache } from './caller-cache.js';
import { Held } from './held.js';
import type { TenantRecord } from './tenants/tenant-record.js';
import type { Verified } from './verified.js';

const TIMES = { cacheTtlMs: 60_000, offlineTtlMs: 3_600_000 };
const CALLER: Caller = { tenant: 'acme', by: 'key', kind: 'key', scopes: 1, keyId: 'k' };
const REQUEST = {} as IncomingMessage;

describe('callers by credential', () => {
  let now: number;
  let calls: number;
  let uses: Caller[];
  let listeners: Set<Listener>;
  let verify: (token: string) => Promise<Verified>;
  let callers: CallerCache;
  beforeEach(() => {
    now = 1_000_000;
    calls = 0;
    uses = [];
    listeners = new Set();
    verify = () => Promise.resolve({ caller: CALLER, endsAtMs: Infinity });
    const source = {
      verify: (token: string) => {
        calls++;
        return verify(token);
      },
      watch: (_token: string, listener: Listener) => {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
    };
    callers = new CallerCache({
      sourceOf: (token) => (token === 'rubbish' ? undefined : source),
      times: TIMES,
      addressOf: () => '10.0.0.1',
      onUse: (caller) => uses.push(caller),
      clock: () => now,
    });
  });
  const hint = (kind: Hint = 'changed') => [...listeners].forEach((listener) => listener(kind));
  const find = async (token = 't') => callers.find(`Bearer ${token}`, REQUEST);
  /** A failure may come at once or later. */
  const refusal = async (token = 't') => find(token).catch((error: unknown) => error);

  it('are verified once, and then known without a promise', async () => {
    expect(callers.find('Bearer t', REQUEST)).toBeInstanceOf(Promise);
    expect(await find()).toBe(CALLER);
    expect(callers.find('Bearer t', REQUEST)).toBe(CALLER);
    expect(calls).toBe(1);
  });

  it('share one call when they come together', async () => {
    const found = await Promise.all(Array.from({ length: 50 }, () => find()));
    expect(new Set(found)).toEqual(new Set([CALLER]));
    expect(calls).toBe(1);
    verify = () => Promise.reject(new InvalidCredentialError());
    const refused = await Promise.all(Array.from({ length: 50 }, () => refusal('u')));
    expect(refused.every((error) => error instanceof InvalidCredentialError)).toBe(true);
    expect(calls).toBe(2);
    expect(listeners.size).toBe(2);
  });

  it('cost no look-up when nobody here made the token', async () => {
    expect(await refusal('rubbish')).toBeInstanceOf(InvalidCredentialError);
    expect([calls, listeners.size]).toEqual([0, 0]);
  });

  it('are verified again before they are used, after a hint', async () => {
    await find();
    hint();
    verify = () => Promise.reject(new InvalidCredentialError());
    expect(await refusal()).toBeInstanceOf(InvalidCredentialError);
    expect(calls).toBe(2);
  });

  it('are verified again when changes may have been missed, and not at each poll', async () => {
    await find();
    hint('poll');
    expect(callers.find('Bearer t', REQUEST)).toBe(CALLER);
    hint('missed');
    expect(callers.find('Bearer t', REQUEST)).toBeInstanceOf(Promise);
  });

  it('are verified again before they are used, when nothing was heard for a while', async () => {
    await find();
    now += TIMES.cacheTtlMs;
    verify = () => Promise.reject(new InvalidCredentialError());
    expect(await refusal()).toBeInstanceOf(InvalidCredentialError);
  });

  it('are verified in the background while they are in use', async () => {
    await find();
    now += 0.75 * TIMES.cacheTtlMs - 1;
    await find();
    expect(calls).toBe(1);
    now += 1;
    expect(callers.find('Bearer t', REQUEST)).toBe(CALLER);
    expect(callers.find('Bearer t', REQUEST)).toBe(CALLER);
    expect(calls).toBe(2);
    await Promise.resolve();
    now += 0.75 * TIMES.cacheTtlMs - 1;
    expect(callers.find('Bearer t', REQUEST)).toBe(CALLER);
    expect(calls).toBe(2);
  });

  it('do not pass once more when a change came during their verification', async () => {
    let answer: (verified: Verified) => void = () => undefined;
    verify = () => new Promise((resolve) => (answer = resolve));
    const first = find();
    hint();
    answer({ caller: CALLER, endsAtMs: Infinity });
    expect(await first).toBe(CALLER);
    verify = () => Promise.reject(new InvalidCredentialError());
    expect(await refusal()).toBeInstanceOf(InvalidCredentialError);
  });

  it('wait for a verification under way instead of passing as before', async () => {
    await find();
    hint();
    let refuse: (error: Error) => void = () => undefined;
    verify = () => new Promise((_resolve, reject) => (refuse = reject));
    const both = [refusal(), refusal()];
    refuse(new InvalidCredentialError());
    for (const error of await Promise.all(both)) expect(error).toBeInstanceOf(InvalidCredentialError);
  });

  it('end with their credential, though nothing else was heard', async () => {
    verify = () => Promise.resolve({ caller: CALLER, endsAtMs: now + 1000 });
    await find();
    now += 999;
    expect(await find()).toBe(CALLER);
    verify = () => Promise.reject(new CredentialExpiredError());
    now += 1;
    expect(await refusal()).toBeInstanceOf(CredentialExpiredError);
  });

  it('are believed for a while when the store is away, and never beyond their end', async () => {
    const endsAtMs = now + 2 * TIMES.offlineTtlMs;
    verify = () => Promise.resolve({ caller: CALLER, endsAtMs });
    await find();
    verify = () => Promise.reject(new StoreAwayError());
    hint('missed');
    expect(await find()).toBe(CALLER);
    now += TIMES.offlineTtlMs - 1;
    expect(await find()).toBe(CALLER);
    now += 1;
    expect(await refusal()).toBeInstanceOf(AccessUnknownError);

    verify = () => Promise.resolve({ caller: CALLER, endsAtMs: now + 2000 });
    await find('short');
    verify = () => Promise.reject(new StoreAwayError());
    hint('missed');
    expect(await find('short')).toBe(CALLER);
    now += 2000;
    expect(await refusal('short')).toBeInstanceOf(AccessUnknownError);
  });

  it('are not believed when the store is away and their record is known to have changed', async () => {
    const held = verify;
    await find();
    hint('changed');
    verify = () => Promise.reject(new StoreAwayError());
    expect(await refusal()).toBeInstanceOf(AccessUnknownError);
    hint('missed');
    expect(await refusal()).toBeInstanceOf(AccessUnknownError);
    verify = held;
    expect(await find()).toBe(CALLER);
    verify = () => Promise.reject(new StoreAwayError());
    hint('missed');
    expect(await find()).toBe(CALLER);
  });

  it('are asked for once a second while the store is away', async () => {
    await find();
    verify = () => Promise.reject(new StoreAwayError());
    now += TIMES.cacheTtlMs;
    for (let i = 0; i < 10; i++) expect(await find()).toBe(CALLER);
    expect(calls).toBe(2);
    now += 1000;
    await find();
    expect(calls).toBe(3);
  });

  it('that are not known are neither accepted nor refused while the store is away', async () => {
    verify = () => Promise.reject(new StoreAwayError());
    expect(await refusal()).toBeInstanceOf(AccessUnknownError);
    verify = () => Promise.resolve({ caller: CALLER, endsAtMs: Infinity });
    expect(await find()).toBe(CALLER);
  });

  it('that were refused are remembered for a while, or until a hint', async () => {
    verify = () => Promise.reject(new InvalidCredentialError());
    await refusal();
    await refusal();
    expect(calls).toBe(1);
    now += 5000;
    await refusal();
    expect([calls, listeners.size]).toEqual([2, 1]);
    verify = () => Promise.resolve({ caller: CALLER, endsAtMs: Infinity });
    hint();
    expect(await find()).toBe(CALLER);
  });

  it('of a tenant that is being erased are verified again, so that none gets into a new tenant of the name', async () => {
    const tenant = new Held<TenantRecord | undefined>(TIMES, () => now);
    const read = (value: TenantRecord | undefined) => {
      tenant.hint();
      return tenant.renew(() => Promise.resolve(value));
    };
    const verified = { caller: CALLER, tenant: await read({ status: 'active' }), endsAtMs: Infinity };
    verify = () => Promise.resolve(verified);
    expect(await find()).toBe(CALLER);
    // The record of the key is still there.
    await read({ status: 'erasing' });
    for (let i = 0; i < 3; i++) expect(await refusal()).toBeInstanceOf(TenantGoneError);
    await read(undefined);
    await read({ status: 'active' });
    verify = () => Promise.reject(new InvalidCredentialError());
    expect(await refusal()).toBeInstanceOf(InvalidCredentialError);
  });

  it('that are rubbish by the thousand drive out nobody, and leave few listeners', async () => {
    await find('good');
    verify = () => Promise.reject(new InvalidCredentialError());
    for (let i = 0; i < 3000; i++) await refusal(`bad-${i}`);
    expect(callers.find('Bearer good', REQUEST)).toBe(CALLER);
    expect(listeners.size).toBeLessThanOrEqual(1001);
  });

  it('are ten thousand at most, those in use the longest', async () => {
    for (let i = 0; i < 10_001; i++) await find(`key-${i}`);
    expect([callers.size, listeners.size]).toEqual([10_000, 10_000]);
    expect(callers.find('Bearer key-1', REQUEST)).toBe(CALLER);
    expect(callers.find('Bearer key-0', REQUEST)).toBeInstanceOf(Promise);
  });

  it('stop with their tenant, and go on with it', async () => {
    const tenant = new Held<TenantRecord | undefined>(TIMES, () => now);
    const read = (record: TenantRecord | undefined) => tenant.renew(() => Promise.resolve(record));
    await read({ status: 'active' });
    verify = () => Promise.resolve({ caller: CALLER, tenant, endsAtMs: Infinity });
    expect(await find()).toBe(CALLER);
    expect(callers.find('Bearer t', REQUEST)).toBe(CALLER);
    tenant.hint();
    verify = async () => ({ caller: CALLER, tenant: await read({ status: 'suspended' }), endsAtMs: Infinity });
    expect(await refusal()).toBeInstanceOf(TenantSuspendedError);
    tenant.hint();
    verify = async () => ({ caller: CALLER, tenant: await read({ status: 'active' }), endsAtMs: Infinity });
    expect(await find()).toBe(CALLER);
    for (const record of [{ status: 'erasing' }, undefined] as const) {
      tenant.hint();
      verify = async () => ({ caller: CALLER, tenant: await read(record), endsAtMs: Infinity });
      expect(await refusal()).toBeInstanceOf(TenantGoneError);
    }
  });

  it('are accepted from their addresses', async () => {
    const addresses = new BlockList();
    addresses.addSubnet('10.0.0.0', 8);
    verify = () => Promise.resolve({ caller: CALLER, addresses, endsAtMs: Infinity });
    expect(await find()).toBe(CALLER);
    const others = new BlockList();
    others.addAddress('::1', 'ipv6');
    verify = () => Promise.resolve({ caller: CALLER, addresses: others, endsAtMs: Infinity });
    expect(await refusal('u')).toBeInstanceOf(AddressNotAllowedError);
  });

  it('tell of their use once a minute', async () => {
    await find();
    await find();
    expect(uses).toHaveLength(1);
    for (let minute = 1; minute <= 3; minute++) {
      now += 30_000;
      await find();
      now += 30_000;
      await find();
    }
    expect(uses).toHaveLength(4);
  });

  it('leave nothing behind', async () => {
    await find();
    verify = () => Promise.reject(new InvalidCredentialError());
    await refusal('u');
    callers.close();
    expect(listeners.size).toBe(0);
  });
});
