import { appendFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
import { Ledger } from './ledger.js';

const directory = mkdtempSync(join(tmpdir(), 'waymark-ledger-'));
afterAll(() => rmSync(directory, { recursive: true }));

describe('Ledger', () => {
  it('keeps its marks over a restart, also behind a line that was cut', () => {
    const file = join(directory, 'ledger');
    const first = new Ledger(file);
    first.add('task', 'default', [{ id: 't', stamp: 'one' }]);
    appendFileSync(file, 'half-a-li');
    const second = new Ledger(file);
    second.add('workflow', 'default', [{ id: 'w', stamp: 'inc-1 5 - 0 900' }]);
    const third = new Ledger(file);
    expect(third.has('task', 'default', 't', 'one')).toBe(true);
    // Another deadline of the workflow does not matter.
    expect(third.has('workflow', 'default', 'w', 'inc-1 5 - 0 -')).toBe(true);
    expect(third.size).toBe(2);
  });

  it('finds a mark only by kind, tenant, id and stamp', () => {
    const ledger = new Ledger(undefined);
    ledger.add('task', 'default', [{ id: 't', stamp: 'one' }]);
    expect(ledger.has('task', 'default', 't', 'two')).toBe(false);
    expect(ledger.has('task', 'other', 't', 'one')).toBe(false);
    expect(ledger.has('workflow', 'default', 't', 'one')).toBe(false);
  });
});
