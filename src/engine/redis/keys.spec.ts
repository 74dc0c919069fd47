import { describe, expect, it } from '@jest/globals';
import { keySlot } from './connection/drivers/key-slot.js';
import { KEY_NAMES, prefixOf, typeOfKey } from './keys.js';

const TENANTS = [
  'default',
  'acme',
  '.of:acme',
  '.in:acme',
  '.access',
  'of:acme',
  '.of:',
  '.',
  ':',
  'acme:',
  '.of:.of:acme',
];
const NAMESPACES = ['', 'prod', 'prod:', '{prod}', 'a{prod}b', '{prod}:x', '{}', '{', 'prod:{acme}'];
const QUEUE_KINDS = ['ready:', 'delayed:', 'leased:', 'dead:', 'expiring:', 'settings:', 'workers:', 'rate:'];
const NAMES = Object.values(KEY_NAMES).flatMap((name): readonly string[] => {
  return name === KEY_NAMES.queue ? QUEUE_KINDS.map((kind) => name + kind) : [name];
});
/** Names that an id follows. */
const KINDS = [...new Set(NAMES)].filter((name) => name.endsWith(':'));

/** A small generator with a seed, so that a failure can be repeated. */
function randomFrom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

describe('the keys of tenants', () => {
  // Few different characters make collisions likely, if there can be any; a tenant is any text without braces.
  const random = randomFrom(12);
  const pick = <T>(list: readonly T[]): T => list[random(list.length)] as T;
  const byte = () => String.fromCharCode(random(256));
  const text = (alphabet: () => string, most: number) => Array.from({ length: random(most) }, alphabet).join('');
  const piece = () => pick(['.', ':', 'of', 'acme', 'default', 'task', '{', '}', '_meta', byte()]);
  const tenant = () =>
    random(2) === 0 ? pick(TENANTS) : `${text(piece, 5).replaceAll(/[{}]/g, '')}${random(4) === 0 ? ':' : 'x'}`;
  const id = () => (random(3) === 0 ? text(byte, 6) : text(piece, 6));

  it.each(NAMESPACES)('are different for different tenants, kinds and ids, in the namespace "%s"', (namespace) => {
    const known = new Map<string, string>();
    const collisions: string[] = [];
    for (let i = 0; i < 20_000; i++) {
      const [owner, kind, name] = [tenant(), pick(KINDS), id()];
      const key = `${prefixOf(namespace, owner)}${kind}${name}`;
      const meaning = JSON.stringify([owner, kind, name]);
      if ((known.get(key) ?? meaning) !== meaning) collisions.push(`${key}: ${meaning} and ${known.get(key)}`);
      known.set(key, meaning);
    }
    expect(collisions).toEqual([]);
  });

  it('have kinds of which none begins another, so that no id can reach into another kind', () => {
    for (const kind of KINDS) expect(NAMES.filter((name) => name.startsWith(kind) && name !== kind)).toEqual([]);
  });

  it('of one tenant share a slot of a Cluster, those of its hidden tenants need not', () => {
    for (const namespace of ['{prod}', 'a{prod}b', 'prod:{acme}']) {
      for (const name of TENANTS) {
        const slots = KINDS.map((kind) => keySlot(`${prefixOf(namespace, name)}${kind}{x}:y`));
        expect(new Set(slots).size).toBe(1);
      }
    }
    expect(prefixOf('{prod}', '.of:acme')).toBe('{prod:.of:acme}:');
    expect(prefixOf('prod', '.of:acme')).toBe('prod:{.of:acme}:');
    expect(prefixOf('', '.access')).toBe('{.access}:');
  });

  it('are known as own ones', () => {
    for (const kind of NAMES.filter((name) => !/waymark:(probe|nothing|board:)/.test(name))) {
      expect(typeOfKey(kind.endsWith(':') ? `${kind}x` : kind)).toBeDefined();
    }
  });
});
