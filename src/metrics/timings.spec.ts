import { describe, expect, it } from '@jest/globals';
import { Timings } from './timings.js';

describe('timings', () => {
  it('are histograms in the text format of Prometheus', () => {
    const timings = new Timings('waymark_test_seconds', 'A test', ['route', 'status']);
    for (const seconds of [0.0001, 0.0005, 0.002, 99]) timings.of('/v1/"x"', '2xx').observe(seconds);
    const text = timings.text();
    expect(text).toContain('# HELP waymark_test_seconds A test\n# TYPE waymark_test_seconds histogram\n');
    expect(text).toContain('waymark_test_seconds_bucket{route="/v1/\\"x\\"",status="2xx",le="0.0005"} 2\n');
    expect(text).toContain('waymark_test_seconds_bucket{route="/v1/\\"x\\"",status="2xx",le="0.0025"} 3\n');
    expect(text).toContain('waymark_test_seconds_bucket{route="/v1/\\"x\\"",status="2xx",le="+Inf"} 4\n');
    expect(text).toContain('waymark_test_seconds_count{route="/v1/\\"x\\"",status="2xx"} 4\n');
    expect(text).toContain('waymark_test_seconds_sum{route="/v1/\\"x\\"",status="2xx"} 99.0026\n');
  });

  it('of the same labels are the same', () => {
    const timings = new Timings('a', 'b', ['c']);
    expect(timings.of('x')).toBe(timings.of('x'));
    expect(timings.of('x')).not.toBe(timings.of('y'));
  });
});
