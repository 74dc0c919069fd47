import { describe, expect, it } from '@jest/globals';
import type { FastifyRequest } from 'fastify';
import { preferencesOf } from './prefer.js';

const preferring = (prefer: string) => preferencesOf({ headers: { prefer } } as unknown as FastifyRequest);

describe('preferences', () => {
  it('are read from a list, whatever else is in it', () => {
    expect(preferring('respond-async, return=minimal; foo=bar, wait=10')).toEqual({ minimal: true, waitSeconds: 10 });
  });

  it('wait at most a minute', () => {
    expect(preferring('wait=3600').waitSeconds).toBe(60);
  });

  it.each(['wait=-1', 'wait=soon', 'return=everything', ''])('ignore %j, which says nothing we know', (prefer) => {
    expect(preferring(prefer)).toEqual({ minimal: false, waitSeconds: undefined });
  });
});
