import { describe, expect, it } from '@jest/globals';
import { TextStore, type StoredText } from './text-store.js';

/** Total bytes of the slabs that these texts are in. */
function slabBytes(texts: Iterable<StoredText>): number {
  return [...new Set([...texts].map(({ slab }) => slab))].reduce((sum, { buffer }) => sum + buffer.length, 0);
}

describe('TextStore', () => {
  it('gives back every text as it was, of any length and script', () => {
    const store = new TextStore();
    const texts = ['', 'a', 'Übersicht 概要 😀', 'x'.repeat(200_000), 'é'.repeat(1_000_000)];
    for (const text of texts) {
      const stored = store.add(text);
      expect(stored.toString() === text).toBe(true);
      expect(stored.length).toBe(Buffer.byteLength(text));
      expect(store.addBytes(stored.bytes()).toString() === text).toBe(true);
    }
  });

  it('keeps retained texts readable while others come and go, in at most about twice their bytes', () => {
    const store = new TextStore();
    const held = new Map<number, StoredText>();
    const textOf = (n: number) => `${n}:${'ä'.repeat((n * 7919) % 3000)}`;
    for (let n = 0; n < 30_000; n++) {
      const text = store.add(textOf(n));
      store.retain(text);
      held.set(n, text);
      // One in a hundred is retained for good; these few must not keep all slabs alive.
      const old = held.get(n - 500);
      if (old !== undefined && (n - 500) % 100 !== 0) {
        store.release(old);
        held.delete(n - 500);
      }
    }
    let bytes = 0;
    for (const [n, text] of held) {
      expect(text.toString() === textOf(n)).toBe(true);
      bytes += text.length;
    }
    expect(held.size).toBeGreaterThan(700);
    expect(slabBytes(held.values())).toBeLessThan(2 * bytes + 2 * 1024 * 1024);
  });

  it('retains a released text, and one not retained yet, after their slab was abandoned', () => {
    const store = new TextStore();
    const released = store.add('released');
    const never = store.add('never retained');
    store.retain(released);
    store.release(released);
    const old = released.slab;
    // Fills this slab and the next with texts that are not retained.
    for (let i = 0; i < 200; i++) store.add('x'.repeat(10_000));
    for (const text of [released, never]) {
      store.retain(text);
      expect(text.slab).not.toBe(old);
    }
    expect([String(released), String(never)]).toEqual(['released', 'never retained']);
    expect(released.slab.retainedBytes).toBe('released'.length + 'never retained'.length);
  });

  it('counts references, so that one release takes nothing from another owner', () => {
    const store = new TextStore();
    const text = store.add('shared');
    store.retain(text);
    store.retain(text);
    store.release(text);
    expect(text.slab.retainedBytes).toBe('shared'.length);
    store.release(text);
    expect(text.slab.retainedBytes).toBe(0);
  });

  it('gives a view that stays valid when the text moves', () => {
    const store = new TextStore();
    const text = store.add('moved');
    store.retain(text);
    const view = text.bytes();
    const old = text.slab;
    for (let i = 0; i < 200; i++) store.add('x'.repeat(10_000));
    expect(text.slab).not.toBe(old);
    expect([view.toString(), text.toString()]).toEqual(['moved', 'moved']);
  });
});
