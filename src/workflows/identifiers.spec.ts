import { describe, expect, it } from '@jest/globals';
import { newIncarnation } from '../engine/new-incarnation.js';
import { newWorkflowId } from './identifiers.js';

describe('identifiers', () => {
  it('give each life of an id its own url-safe incarnation', () => {
    const drawn = Array.from({ length: 10_000 }, newIncarnation);
    expect(new Set(drawn).size).toBe(drawn.length);
    expect(drawn.every((incarnation) => /^[A-Za-z0-9_-]{12}$/.test(incarnation))).toBe(true);
  });

  it('make UUIDs of version 7, which sort by time', () => {
    const early = newWorkflowId(1_800_000_000_000);
    const late = newWorkflowId(1_800_000_000_001);
    expect(early).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(early < late).toBe(true);
  });
});
