import { describe, expect, it } from '@jest/globals';
import { barOf } from './progress-bar.js';

describe('the progress bar', () => {
  it('shows how far, how fast and how long', () => {
    expect(barOf('copy', 500, 1000, 100)).toBe(
      'copy      [============            ] 50 %  500 of 1000  100/s  5s left',
    );
  });

  it('has something to say when it knows little', () => {
    expect(barOf('count', 0, 0, 0)).toBe('count     0  0/s');
    expect(barOf('copy', 0, 10, 0)).toContain('- left');
    expect(barOf('copy', 20, 10, 5)).toContain('100 %');
  });
});
