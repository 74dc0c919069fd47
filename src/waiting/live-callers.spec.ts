import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { until } from '../../test/support/until.js';
import { InvalidCredentialError, TenantSuspendedError } from '../access/access-errors.js';
import type { ServiceError } from '../service-error.js';
import { LiveCallers } from './live-callers.js';

describe('what outlives its admission', () => {
  let live: LiveCallers;
  let ended: ServiceError[];
  beforeEach(() => {
    live = new LiveCallers({} as never);
    ended = [];
  });
  afterEach(() => live.onModuleDestroy());
  const onOver = (error: ServiceError) => void ended.push(error);

  it('goes on while its caller is admitted, and ends once when it is not', () => {
    let isRevoked = false;
    live.watch(() => {
      if (isRevoked) throw new InvalidCredentialError();
    }, onOver);
    live.checkAll();
    expect([ended.length, live.size]).toEqual([0, 1]);
    isRevoked = true;
    live.checkAll();
    live.checkAll();
    expect(ended).toEqual([expect.any(InvalidCredentialError)]);
    expect(live.size).toBe(0);
  });

  it('ends without a call from outside', async () => {
    live.watch(() => {
      throw new InvalidCredentialError();
    }, onOver);
    await until(() => ended.length === 1, 'the timer has checked it');
  });

  it('waits for a check that asks the store, and starts no second one', async () => {
    let asked = 0;
    let answer: (error?: Error) => void = () => undefined;
    live.watch(() => {
      asked++;
      return new Promise<void>(
        (resolve, reject) => (answer = (error) => (error === undefined ? resolve() : reject(error))),
      );
    }, onOver);
    live.checkAll();
    live.checkAll();
    expect(asked).toBe(1);
    answer();
    await until(() => {
      live.checkAll();
      return asked === 2;
    }, 'the next check');
    answer(new TenantSuspendedError());
    await until(() => ended.length === 1, 'its end');
    expect(ended[0]).toBeInstanceOf(TenantSuspendedError);
  });

  it('does not end by a fault of the service', () => {
    let faults = 0;
    live.watch(() => {
      faults++;
      throw new TypeError('a fault');
    }, onOver);
    live.checkAll();
    live.checkAll();
    expect([faults, ended.length, live.size]).toEqual([2, 0, 1]);
  });

  it('is no longer watched when it has ended by itself', async () => {
    let reject: (error: Error) => void = () => undefined;
    const stop = live.watch(() => new Promise((_resolve, fail) => (reject = fail)), onOver);
    live.checkAll();
    stop();
    reject(new InvalidCredentialError());
    await new Promise((resolve) => setImmediate(resolve));
    expect([ended.length, live.size]).toEqual([0, 0]);
  });
});
