// Requests that are small or allowed, and as hard as possible to answer. Each: the states that it needs, and the request.
const MEGABYTE = 1_048_000;
const zeros = (length) => `[${'0,'.repeat(Math.floor(length / 2) - 1)}0]`;
const below = (levels, inner) => '{"a":'.repeat(levels) + inner + '}'.repeat(levels);
const wide = (names, value = '0') => `{${Array.from({ length: names }, (_, i) => `"k${i}":${value}`).join(',')}}`;
const list = (count, item) => `[${Array.from({ length: count }, (_, i) => item(i)).join(',')}]`;
const times = (count, make) => Array.from({ length: count }, (_, i) => make(i)).flat();
const add = (path, value = 1) => ({ op: 'add', path, value });
const copy = (from, path) => ({ op: 'copy', from, path });
const remove = (path) => ({ op: 'remove', path });
const objects = (count, mark) => list(count, (i) => `{"id":${(i * 7919) % count},"v":"${mark}${i}"}`);

const patch = (state, operations) => ({
  states: { bomb: state },
  method: 'PATCH',
  path: '/v1/workflows/bomb/state',
  type: 'application/json-patch+json',
  body: JSON.stringify(operations),
});
const merge = (state, body) => ({
  states: { bomb: state },
  method: 'PATCH',
  path: '/v1/workflows/bomb/state',
  type: 'application/merge-patch+json',
  body,
});
const put = (body) => ({ states: {}, method: 'PUT', path: '/v1/workflows/bomb/state', type: 'application/json', body });
const commit = (states, parts) => ({
  states,
  method: 'POST',
  path: '/v1/commits',
  type: 'application/json',
  body: typeof parts === 'string' ? parts : JSON.stringify(parts),
});
const diff = (before, after) => ({
  versions: [before, after],
  states: {},
  method: 'GET',
  path: '/v1/workflows/bomb/versions/1/diff/2',
});
const append = (state, path, body) => ({
  states: { bomb: state },
  method: 'POST',
  path: `/v1/workflows/bomb/${path}`,
  type: 'application/json',
  body: JSON.stringify(body),
});
const four = (state) => Object.fromEntries(Array.from({ length: 4 }, (_, i) => [`bomb-${i}`, state]));

const DEEP = '/a'.repeat(97);
const COPIED = `{"a":{"n":0,"big":${zeros(900_000)}},"c":{},"deep":${below(95, '0')}}`;
const COPIES = [
  ...times(1, (i) => copy('/a/big', `/a/g${i}`)),
  ...times(245, () => [copy('/deep', '/a/deep'), remove('/a/deep'), copy('/a', '/c/d'), remove('/c/d')]),
];

export const BOMBS = {
  'PUT 1 MB of zeros': put(zeros(MEGABYTE)),
  'PUT 49,000 names': put(wide(49_000)),
  'PUT 1 MB of escapes': put(`"${'\\u00e9'.repeat(MEGABYTE / 6)}"`),
  'PUT 1 MB of pairs': put(`"${'\\ud83d\\ude00'.repeat(MEGABYTE / 12)}"`),
  'PUT 350,000 arrays': put(list(349_000, () => '[]')),
  'PUT 1 MB of quotes': put(list(260_000, () => '""')),
  'PUT 1 MB of numbers with exponents': put(list(150_000, () => '1.5e10')),
  'PUT that ends too early': put(`${zeros(MEGABYTE).slice(0, -1)}`),
  'copies beside deep parts': patch(COPIED, COPIES),
  'one change below 97 levels': patch(below(97, `{"x":${zeros(1_040_000)}}`), [add(`${DEEP}/y`)]),
  '1,000 changes below 97 levels': patch(
    below(97, `{"x":${zeros(900_000)}}`),
    times(190, (i) => add(`${DEEP}/y${i}`)),
  ),
  '1,000 insertions into a list': patch(
    `{"a":${zeros(1_040_000)}}`,
    times(1000, (i) => add(`/a/${i * 499}`)),
  ),
  '1,000 removals from a list': patch(
    `{"a":${zeros(1_040_000)}}`,
    times(1000, (i) => remove(`/a/${i * 490}`)),
  ),
  '1,000 moves in a list': patch(
    `{"a":${zeros(1_040_000)}}`,
    times(1000, (i) => ({ op: 'move', from: `/a/${i * 490}`, path: `/a/${500_000 - i * 400}` })),
  ),
  '1,000 names of a wide object': patch(
    wide(48_000),
    times(1000, (i) => add(`/n${i}`)),
  ),
  'names removed and added again': patch(
    wide(49_000),
    times(500, (i) => [remove(`/k${i}`), add(`/k${i}`)]),
  ),
  'a copy for each change': patch(
    `{"a":${wide(20_000)},"b":{}}`,
    times(300, (i) => [copy('/a', '/b/x'), add(`/a/k${i}`), remove('/b/x')]),
  ),
  'a test that fails late': patch(
    list(250_000, () => '"a"'),
    [{ op: 'test', path: '', value: Array.from({ length: 250_000 }, (_, i) => (i < 249_999 ? 'a' : 'b')) }],
  ),
  'copies that double': patch(
    `{"a":${zeros(1000)}}`,
    times(12, (i) => copy('', `/x${i}`)),
  ),
  'merge of 49,000 names': merge(wide(49_000), wide(49_000, '1')),
  'merge that removes 49,000 names': merge(wide(49_000), wide(49_000, 'null')),
  'log entry on 1 MB': append(`{"logs":[],"x":${zeros(1_040_000)}}`, 'logs', { message: 'x' }),
  'exhibit after 500,000 items': append(`{"exhibits":${zeros(1_040_000)}}`, 'exhibits', { name: 'x' }),
  'log entry after 500,000 items': append(`{"logs":${zeros(1_040_000)}}`, 'logs', { message: 'x' }),
  'commit of 4 states of 1 MB': commit(
    {},
    `{"puts":[${list(4, (i) => `{"id":"bomb-${i}","state":${zeros(1_040_000)}}`).slice(1, -1)}]}`,
  ),
  'commit of 4 patches of 1 MB': commit(four(below(97, zeros(1_000_000))), {
    patches: times(4, (i) => ({ id: `bomb-${i}`, patch: [add(`${'/a'.repeat(97)}/0`)] })),
  }),
  'commit of 4 patches with 1,000 operations': commit(four(`{"a":${zeros(1_000_000)}}`), {
    patches: times(4, (i) => ({ id: `bomb-${i}`, patch: times(1000, (n) => add(`/a/${n * 490}`)) })),
  }),
  'commit of 50 patches that fail last': commit(
    Object.fromEntries(Array.from({ length: 50 }, (_, i) => [`bomb-${i}`, `{"a":${zeros(80_000)}}`])),
    {
      patches: times(50, (i) => ({
        id: `bomb-${i}`,
        patch: i < 49 ? times(200, (n) => add(`/a/${n * 90}`)) : [{ op: 'test', path: '/a', value: 1 }],
      })),
    },
  ),
  'diff of 500,000 numbers': diff(zeros(MEGABYTE), zeros(MEGABYTE).replaceAll('0', '1')),
  'diff of 100,000 strings': diff(
    list(90_000, (i) => `"a${i}"`),
    list(90_000, (i) => `"b${i}"`),
  ),
  'diff of 9,000 moved objects': diff(objects(9000, 'a'), JSON.stringify(JSON.parse(objects(9000, 'a')).toReversed())),
  'diff of 24,000 changed objects': diff(objects(24_000, 'a'), objects(24_000, 'b')),
  'diff of 49,000 names': diff(wide(49_000), wide(49_000, '1')),
  'diff of two deep states': diff(below(97, zeros(1_000_000)), below(97, zeros(1_000_000).replace('0]', '1]'))),
};

/** A patch of random operations on a random large state. `seed` repeats it. */
export function randomBomb(seed) {
  let state = seed;
  const random = (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  const pick = (choices) => choices[random(choices.length)];
  const parts = {
    zeros: () => zeros(200_000),
    wide: () => wide(9000),
    deep: () => below(1 + random(90), zeros(100_000)),
    arrays: () => list(60_000, () => '[]'),
    objects: () => objects(4000, 'x'),
    text: () => JSON.stringify('\u00e9'.repeat(40_000)),
  };
  const names = Object.keys(parts);
  const held = Object.fromEntries(Array.from({ length: 4 }, (_, i) => [`p${i}`, pick(names)]));
  const text = `{${Object.entries(held)
    .map(([name, part]) => `"${name}":${parts[part]()}`)
    .join(',')}}`;
  const place = () => {
    const name = `p${random(4)}`;
    const inside = {
      zeros: `/${random(90_000)}`,
      wide: `/k${random(9000)}`,
      deep: '/a',
      arrays: `/${random(50_000)}/-`,
    };
    return `/${name}${random(3) === 0 ? '' : (inside[held[name]] ?? '')}`;
  };
  const kinds = [() => add(place(), random(9)), () => remove(place()), () => copy(place(), place())];
  kinds.push(
    () => ({ op: 'move', from: place(), path: place() }),
    () => ({ op: 'replace', path: place(), value: [] }),
  );
  return patch(
    text,
    times(1 + random(1000), () => pick(kinds)()),
  );
}
