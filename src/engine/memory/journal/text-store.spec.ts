import { describe, expect, it } from '@jest/globals';
import { TextStore, type StoredText } from './text-store.js';

/** Everything that is held, in slabs; a slab may be half empty, and one is open. */
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

  it('keeps every held text readable while others come and go, and little more room than they need', () => {
    const store = new TextStore();
    const held = new Map<number, StoredText>();
    const textOf = (n: number) => `${n}:${'ä'.repeat((n * 7919) % 3000)}`;
    for (let n = 0; n < 30_000; n++) {
      const text = store.add(textOf(n));
      store.hold(text);
      held.set(n, text);
      // All but each hundredth live for a while only; those few must not keep everybody's slab.
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

  it('takes back what was let go, and what nobody held when its slab was given up', () => {
    const store = new TextStore();
    const released = store.add('released');
    const never = store.add('never held');
    store.hold(released);
    store.release(released);
    const old = released.slab;
    // Fills the slab and the next with what nobody wants.
    for (let i = 0; i < 200; i++) store.add('x'.repeat(10_000));
    for (const text of [released, never]) {
      store.hold(text);
      expect(text.slab).not.toBe(old);
    }
    expect([String(released), String(never)]).toEqual(['released', 'never held']);
    expect(released.slab.heldBytes).toBe('released'.length + 'never held'.length);
  });

  it('counts holders, so that one who lets go takes nothing from another', () => {
    const store = new TextStore();
    const text = store.add('shared');
    store.hold(text);
    store.hold(text);
    store.release(text);
    expect(text.slab.heldBytes).toBe('shared'.length);
    store.release(text);
    expect(text.slab.heldBytes).toBe(0);
  });

  it('shows a view that stays as it is when the text moves', () => {
    const store = new TextStore();
    const text = store.add('moved');
    store.hold(text);
    const view = text.bytes();
    const old = text.slab;
    for (let i = 0; i < 200; i++) store.add('x'.repeat(10_000));
    expect(text.slab).not.toBe(old);
    expect([view.toString(), text.toString()]).toEqual(['moved', 'moved']);
  });
});
