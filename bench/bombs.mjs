// Requests that are small or allowed, and as hard as possible to answer.
//
// A bomb: `before`, requests that make what it needs; `request`, or a function that makes it from the answers to those.
// `%n` in paths and bodies is the number of the try, so that each try has a queue or a prefix of its own.
const JSON_TYPE = 'application/json';

export const zeros = (length) => `[${'0,'.repeat(Math.max(0, Math.floor(length / 2) - 1))}0]`;
export const below = (levels, inner) => '{"a":'.repeat(levels) + inner + '}'.repeat(levels);
export const wide = (names, value = '0') =>
  `{${Array.from({ length: names }, (_, i) => `"k${i}":${value}`).join(',')}}`;
export const list = (count, item) => `[${Array.from({ length: count }, (_, i) => item(i)).join(',')}]`;
export const times = (count, make) => Array.from({ length: count }, (_, i) => make(i)).flat();
export const objects = (count, mark) => list(count, (i) => `{"id":${(i * 7919) % count},"v":"${mark}${i}"}`);
const add = (path, value = 1) => ({ op: 'add', path, value });
const copy = (from, path) => ({ op: 'copy', from, path });
const remove = (path) => ({ op: 'remove', path });

/** A request; `body` is JSON text, or a value. */
export const ask = (method, path, body, type = JSON_TYPE) => ({
  method,
  path,
  ...(body !== undefined && { type, body: typeof body === 'string' ? body : JSON.stringify(body) }),
});
export const bomb = (request, ...before) => ({ before: before.flat(), request });
export const store = (id, state) => ask('PUT', `/v1/workflows/${id}/state`, state);
export const stored = (states) => Object.entries(states).map(([id, state]) => store(id, state));
const AT = '/v1/workflows/bomb';
export const patch = (state, operations) =>
  bomb(ask('PATCH', `${AT}/state`, operations, 'application/json-patch+json'), store('bomb', state));
export const merge = (state, body) =>
  bomb(ask('PATCH', `${AT}/state`, body, 'application/merge-patch+json'), store('bomb', state));
export const put = (body) => bomb(store('bomb', body));
export const commit = (states, parts) => bomb(ask('POST', '/v1/commits', parts), stored(states));
export const versions = (before, after) => [ask('DELETE', AT), store('bomb', before), store('bomb', after)];
export const diff = (before, after) => bomb(ask('GET', `${AT}/versions/1/diff/2`), versions(before, after));
export const append = (state, path, body) => bomb(ask('POST', `${AT}/${path}`, body), store('bomb', state));
/** The members of a JSON list, for a longer one. */
const inner = (text) => text.slice(1, -1);
const four = (state) => Object.fromEntries(Array.from({ length: 4 }, (_, i) => [`bomb-${i}`, state]));

const DEEP = '/a'.repeat(97);

/** Requests that fill a queue of the try with tasks of `bytes` each, and the path of the queue. */
const QUEUE = '/v1/queues/bomb-%n';
export function enqueued(count, bytes, maxBytes, options = {}) {
  const at = Math.max(1, Math.min(100, Math.floor(maxBytes / (bytes + 200))));
  const payload = zeros(bytes);
  const rest = inner(JSON.stringify(options));
  return times(Math.ceil(count / at), (i) => {
    const tasks = list(Math.min(at, count - i * at), () => `{"payload":${payload}${rest && `,${rest}`}}`);
    return ask('POST', `${QUEUE}/tasks/batch`, `{"tasks":${tasks}}`);
  });
}
export const claims = (count) => times(Math.ceil(count / 50), () => ask('POST', `${QUEUE}/claims`, { max: 50 }));
export const leased = (answers) =>
  answers.flatMap(({ tasks = [] }) => tasks).filter(({ leaseToken }) => leaseToken !== undefined);
/** Requests that leave dead tasks: each is tried once, and fails. */
const died = (count, bytes, maxBytes) => [
  ...enqueued(count, bytes, maxBytes, { maxAttempts: 1 }),
  ...claims(count),
  (answers) => leased(answers).map(({ id, leaseToken }) => ask('POST', `/v1/tasks/${id}/fail`, { leaseToken })),
];
export const workflowLine = (id, state, history = []) =>
  JSON.stringify({
    kind: 'workflow',
    tenant: 'default',
    id,
    incarnation: 'bombbomb',
    version: history.length + 1,
    createdAtMs: 1,
    updatedAtMs: 1,
    ttlMs: null,
    deadlineMs: null,
    about: ABOUT,
    state,
    history: history.map((one, i) => ({
      version: history.length - i,
      updatedAtMs: 1,
      deadlineMs: null,
      about: ABOUT,
      state: one,
    })),
  });
const ABOUT = { by: 'bench', cause: 'put', changed: null };
export const imported = (...lines) =>
  ask(
    'POST',
    '/v1/import?onConflict=newer',
    `${['{"kind":"header","format":"waymark","version":1,"atMs":1,"tenants":["default"]}', ...lines].join('\n')}\n`,
    'application/x-ndjson',
  );

/** All bombs, as large as a limit of MAX_STATE_BYTES allows. */
export function bombsOf(maxStateBytes) {
  /** A little less than the largest state. */
  const full = maxStateBytes - 600;
  /** Bytes of a commit or a batch. */
  const several = Math.max(4 * 1024 * 1024, 2 * maxStateBytes) - 1000;
  const size = maxStateBytes / 1_048_576;
  const most = Math.floor(1_000_000 * size);
  const many = (count) => Math.floor(count * size);
  const COPIED = `{"a":{"n":0,"big":${zeros(many(900_000))}},"c":{},"deep":${below(95, '0')}}`;
  const COPIES = [
    copy('/a/big', '/a/g0'),
    ...times(245, () => [copy('/deep', '/a/deep'), remove('/a/deep'), copy('/a', '/c/d'), remove('/c/d')]),
  ];
  /** As many texts as fill a page of 8 MB. */
  const page = Math.max(2, Math.ceil((8 * 1024 * 1024) / full));
  const pageOf = (state) => Object.fromEntries(Array.from({ length: page }, (_, i) => [`page-${i}`, state]));
  const longHistory = imported(
    workflowLine(
      'bomb-%n',
      '1',
      times(Math.floor(33_000_000 / full), () => zeros(full)),
    ),
  );
  const collected = (bytes, item) => `[${`${item},`.repeat(Math.floor(bytes / (item.length + 1)) - 1)}${item}]`;
  return {
    'PUT of zeros': put(zeros(full)),
    'PUT of 49,000 names': put(wide(49_000)),
    'PUT of escapes': put(`"${'\\u00e9'.repeat(full / 6 - 1)}"`),
    'PUT of escaped pairs': put(`"${'\\ud83d\\ude00'.repeat(full / 12 - 1)}"`),
    'PUT of arrays': put(collected(full, '[]')),
    'PUT of quotes': put(collected(full, '""')),
    'PUT of numbers with exponents': put(collected(full, '1.5e10')),
    'PUT that ends too early': put(zeros(full).slice(0, -1)),
    'PUT of long names that differ at their end': put(
      `{${Array.from({ length: 24 }, (_, i) => `"${'n'.repeat(Math.floor(full / 24) - 9)}${i + 10}":0`).join(',')}}`,
    ),
    'PUT of names that are integers': put(
      `{${Array.from({ length: 49_000 }, (_, i) => `"${(i % 96) + 32_768 * Math.floor(i / 96)}":0`).join(',')}}`,
    ),
    'PUT of a repeated name behind a long text': put(`{"x":${zeros(full - 40)},"x":1}`),
    'PUT of a long indexed text': put(`{"status":"${'\\u00e9'.repeat(Math.floor(full / 6) - 4)}"}`),
    'PUT of a long indexed number': put(`{"status":0.${'0'.repeat(full - 20)}1}`),
    'PUT of other letters': put(`"${'\u4e2d'.repeat(Math.floor(full / 3) - 2)}"`),
    'ttl of empty arrays': bomb(ask('PUT', AT, `{"state":1,"ttlSeconds":${collected(full - 40, '[]')}}`)),
    'unknown members': bomb(ask('PUT', AT, wide(49_000))),
    'copies beside deep parts': patch(COPIED, COPIES),
    'one change below 97 levels': patch(below(97, `{"x":${zeros(full - 1000)}}`), [add(`${DEEP}/y`)]),
    '1,000 changes below 97 levels': patch(
      below(97, `{"x":${zeros(many(900_000))}}`),
      times(190, (i) => add(`${DEEP}/y${i}`)),
    ),
    '1,000 insertions into a list': patch(
      `{"a":${zeros(full - 3000)}}`,
      times(1000, (i) => add(`/a/${i * many(499)}`)),
    ),
    '1,000 removals from a list': patch(
      `{"a":${zeros(full - 10)}}`,
      times(1000, (i) => remove(`/a/${i * many(490)}`)),
    ),
    '1,000 moves in a list': patch(
      `{"a":${zeros(full - 10)}}`,
      times(1000, (i) => ({ op: 'move', from: `/a/${i * many(490)}`, path: `/a/${many(500_000) - i * many(400)}` })),
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
    'a test that fails late': patch(collected(full - 10, '"a"'), [
      {
        op: 'test',
        path: '',
        value: Array.from({ length: many(250_000) }, (_, i) => (i < many(250_000) - 1 ? 'a' : 'b')),
      },
    ]),
    // The same number, written in another way.
    '1,000 tests of a long number': bomb(
      ask(
        'PATCH',
        `${AT}/state`,
        list(1000, () => `{"op":"test","path":"/n","value":1e-${full - 19}}`),
        'application/json-patch+json',
      ),
      store('bomb', `{"n":0.${'0'.repeat(full - 20)}1}`),
    ),
    '1,000 tests of a long text': patch(
      `{"n":"${'\\u00e9'.repeat(Math.floor(full / 6) - 4)}"}`,
      times(1000, () => ({ op: 'test', path: '/n', value: 'x'.repeat(900) })),
    ),
    'a path of slashes': patch('{"a":1}', [{ op: 'test', path: '/'.repeat(full - 40), value: 1 }]),
    'copies that double': patch(
      `{"a":${zeros(1000)}}`,
      times(12, (i) => copy('', `/x${i}`)),
    ),
    'merge of 49,000 names': merge(wide(49_000), wide(49_000, '1')),
    'merge that removes 49,000 names': merge(wide(49_000), wide(49_000, 'null')),
    'merge of 16,000 objects': merge(wide(16_000, '{"a":1}'), wide(16_000, '{"b":1}')),
    'merge of 24,000 objects': merge(wide(24_000, '{"a":1}'), wide(24_000, '{"b":1}')),
    'log entry beside zeros': append(`{"logs":[],"x":${zeros(full - 500)}}`, 'logs', { message: 'x' }),
    'exhibit after 500,000 items': append(`{"exhibits":${zeros(full - 500)}}`, 'exhibits', { name: 'x' }),
    'log entry after 500,000 items': append(`{"logs":${zeros(full - 500)}}`, 'logs', { message: 'x' }),
    'the last of 24,000 sections': bomb(
      ask('PATCH', `${AT}/sections/last`, { text: 'x' }),
      store('bomb', `{"sections":${list(24_000, (i) => `{"id":"${i < 23_999 ? i : 'last'}","x":0}`)}}`),
    ),
    'the last of 500,000 sections without names': bomb(
      ask('PATCH', `${AT}/sections/last`, { text: 'x' }),
      store('bomb', `{"sections":[${collected(full - 100, '{}').slice(1, -1)},{"id":"last"}]}`),
    ),
    'commit of the largest states': commit(
      {},
      `{"puts":[${times(several / full, (i) => `{"id":"bomb-${i}","state":${zeros(full - 100)}}`).join(',')}]}`,
    ),
    'commit of 50 states': commit(
      {},
      `{"puts":[${times(50, (i) => `{"id":"bomb-${i}","state":${zeros(Math.floor(several / 50) - 100)}}`).join(',')}]}`,
    ),
    'commit of states with other letters': commit(
      {},
      `{"puts":[${times(several / full, (i) => `{"id":"bomb-${i}","state":"${'\u4e2d'.repeat(Math.floor(full / 3) - 40)}"}`).join(',')}]}`,
    ),
    'commit of empty arrays': commit(
      {},
      `{"puts":[${times(several / full, (i) => `{"id":"bomb-${i}","state":${collected(full - 100, '[]')}}`).join(',')}]}`,
    ),
    'commit of a million empty parts': commit({}, `{"puts":${collected(several - 20, '{}')}}`),
    'commit of two million numbers': commit({}, `{"patches":${collected(several - 20, '1')}}`),
    'commit with 49,000 unknown members': commit({}, `{"puts":[${wide(49_000)}]}`),
    'commit of 50 deletes with history': bomb(
      ask('POST', '/v1/commits', { deletes: times(50, (i) => ({ id: `bomb-${i}` })) }),
      times(2, (round) => times(50, (i) => store(`bomb-${i}`, zeros(Math.floor(full / 2) - 2 * round)))),
    ),
    'commit of 4 deep patches': commit(four(below(97, zeros(most))), {
      patches: times(4, (i) => ({ id: `bomb-${i}`, patch: [add(`${DEEP}/0`)] })),
    }),
    'commit of 4 patches with 1,000 operations': commit(four(`{"a":${zeros(most)}}`), {
      patches: times(4, (i) => ({ id: `bomb-${i}`, patch: times(1000, (n) => add(`/a/${n * many(490)}`)) })),
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
    'commit of 50 messages': commit(
      {},
      { publish: times(50, () => ({ channel: 'bomb', type: 'x', payload: 'x'.repeat(65_000) })) },
    ),
    'diff of 500,000 numbers': diff(zeros(full), zeros(full).replaceAll('0', '1')),
    'diff of 100,000 strings': diff(
      list(many(90_000), (i) => `"a${i}"`),
      list(many(90_000), (i) => `"b${i}"`),
    ),
    'diff of 9,000 moved objects': diff(
      objects(9000, 'a'),
      JSON.stringify(JSON.parse(objects(9000, 'a')).toReversed()),
    ),
    'diff of 24,000 changed objects': diff(objects(24_000, 'a'), objects(24_000, 'b')),
    'diff of 9,900 long strings': diff(
      list(9900, (i) => `"${'a'.repeat(many(98))}${i}"`),
      list(9900, (i) => `"${'a'.repeat(many(98))}${i * 3}"`),
    ),
    'diff of 49,000 names': diff(wide(49_000), wide(49_000, '1')),
    'diff of two deep states': diff(below(97, zeros(most)), below(97, zeros(most).replace('0]', '1]'))),
    'diff of long numbers': diff(`{"n":0.${'0'.repeat(full - 20)}1}`, `{"n":0.${'0'.repeat(full - 20)}2}`),
    'restore of zeros': bomb(ask('POST', `${AT}/restore`, { version: 1 }), versions(zeros(full), '1')),
    'fork of zeros': bomb(ask('POST', `${AT}/fork`, { id: 'fork-%n' }), store('bomb', zeros(full))),
    'batch-get of 8 MB': bomb(
      ask('POST', '/v1/workflows/batch-get', { ids: Object.keys(pageOf('')) }),
      stored(pageOf(zeros(full))),
    ),
    'batch-get of 100 ids': bomb(
      ask('POST', '/v1/workflows/batch-get', { ids: times(100, () => 'bomb') }),
      store('bomb', zeros(83_000)),
    ),
    'batch-get of 300,000 ids': bomb(ask('POST', '/v1/workflows/batch-get', `{"ids":${collected(full - 20, '"a"')}}`)),
    'list page of 8 MB': bomb(
      ask('GET', '/v1/workflows?idPrefix=page-&include=state&limit=1000'),
      stored(pageOf(zeros(full))),
    ),
    'list page of other letters': bomb(
      ask('GET', '/v1/workflows?idPrefix=page-&include=state&limit=1000'),
      stored(pageOf(`"${'\u4e2d'.repeat(Math.floor(full / 3) - 2)}"`)),
    ),
    'events with states': bomb(
      ask('GET', '/v1/workflows/bomb/events?since=0&wait=0&include=state&limit=1000'),
      times(12, (i) => store('bomb', zeros(full - 2 * i))),
    ),
    'enqueue of a large batch': bomb(enqueued(100, Math.floor(several / 100) - 200, several)[0]),
    'enqueue of a million empty tasks': bomb(
      ask('POST', `${QUEUE}/tasks/batch`, `{"tasks":${collected(several - 20, '{}')}}`),
    ),
    'enqueue with a priority of arrays': bomb(
      ask('POST', `${QUEUE}/tasks/batch`, `{"tasks":[{"payload":1,"priority":${collected(several - 80, '[]')}}]}`),
    ),
    'claim of 8 MB': bomb(
      ask('POST', `${QUEUE}/claims`, { max: 50 }),
      enqueued(50, Math.floor(8_388_608 / 51), several),
    ),
    'completion of 100 large results': bomb(
      (answers) => {
        const result = zeros(Math.floor(several / 100) - 250);
        const done = leased(answers).map(
          ({ id, leaseToken }) => `{"id":"${id}","leaseToken":"${leaseToken}","result":${result}}`,
        );
        return ask('POST', '/v1/tasks/batch-complete', `{"tasks":[${done.join(',')}]}`);
      },
      enqueued(100, 10, several),
      claims(100),
    ),
    'dead list of 8 MB': bomb(ask('GET', `${QUEUE}/dead?limit=1000`), died(100, 83_000, several)),
    'replay of 100 large tasks': bomb(ask('POST', `${QUEUE}/dead/replay`, {}), died(100, 200_000, several)),
    'removal of 100 large dead tasks': bomb(ask('DELETE', `${QUEUE}/dead`), died(100, 200_000, several)),
    'delete with 1,000 open tasks': bomb(
      ask('DELETE', '/v1/workflows/of-tasks-%n?tasks=cancel'),
      store('of-tasks-%n', '1'),
      enqueued(1000, 1000, several, { workflowId: 'of-tasks-%n' }),
    ),
    'delete with 1,000 large open tasks': bomb(
      ask('DELETE', '/v1/workflows/of-tasks-%n?tasks=cancel'),
      store('of-tasks-%n', '1'),
      enqueued(1000, 20_000, several, { workflowId: 'of-tasks-%n' }),
    ),
    'delete of a prefix': bomb(
      ask('DELETE', '/v1/workflows?idPrefix=many-&limit=1000'),
      times(20, (c) => ask('POST', '/v1/commits', { puts: times(50, (i) => ({ id: `many-${c}-${i}`, state: [c] })) })),
    ),
    'routing of accents': bomb(ask('POST', '/v1/routing', { text: `a${'\u0315\u0300'.repeat(15_000)}` })),
    'routing of many words': bomb(
      ask('POST', '/v1/routing', { text: Array.from({ length: 13_000 }, (_, i) => i.toString(36)).join(' ') }),
    ),
    'routing of punctuation': bomb(ask('POST', '/v1/routing', { text: '.,'.repeat(32_000) })),
    'import of a line of 32 MB with a long history': bomb(longHistory),
    'export of a workflow with a long history': bomb(
      ask('POST', '/v1/export', { tenant: 'default', kind: 'workflow', ids: ['bomb-%n'] }),
      [longHistory],
    ),
    'list of the versions of a long history': bomb(ask('GET', '/v1/workflows/bomb-%n/versions'), [longHistory]),
    'list of the versions of a long history, with states': bomb(
      ask('GET', '/v1/workflows/bomb-%n/versions?include=state'),
      [longHistory],
    ),
    'put over a workflow with a long history': bomb(ask('PUT', '/v1/workflows/bomb-%n/state', [1]), [longHistory]),
    'import of a line of 32 MB of arrays': bomb(imported(`{"kind":"workflow","x":${collected(33_000_000, '[]')}}`)),
    'page of 1,000 large messages': bomb(
      ask('GET', '/v1/events?since=0&wait=0&limit=1000&channel=large'),
      times(20, () =>
        ask('POST', '/v1/commits', {
          publish: times(50, () => ({ channel: 'large', type: 'x', payload: 'x'.repeat(65_000) })),
        }),
      ),
    ),
    'page of 1,000 large progress events': bomb(
      (answers) => ask('GET', `/v1/tasks/${leased(answers)[0].id}/events?after=0`),
      enqueued(1, 10, several),
      claims(1),
      (answers) => {
        const [{ id, leaseToken }] = leased(answers);
        return times(1000, () => ask('POST', `/v1/tasks/${id}/progress`, { leaseToken, event: 'x'.repeat(16_000) }));
      },
    ),
    'list of long ids that were created together': bomb(
      ask('GET', `/v1/workflows?limit=1000&sort=createdAt&idPrefix=${'p'.repeat(190)}`),
      times(20, (c) =>
        ask('POST', '/v1/commits', {
          puts: times(50, (i) => ({ id: `${'p'.repeat(190)}${1000 + 50 * c + i}`, state: { status: 'x' } })),
        }),
      ),
    ),
    'list of long ids by status': bomb(
      ask('GET', '/v1/workflows?limit=1000&sort=createdAt&status=x'),
      times(20, (c) =>
        ask('POST', '/v1/commits', {
          puts: times(50, (i) => ({ id: `${'p'.repeat(190)}${1000 + 50 * c + i}`, state: { status: 'x' } })),
        }),
      ),
    ),
    'list of dead tasks with long failures': bomb(
      ask('GET', `${QUEUE}/dead?limit=1000`),
      enqueued(200, 10, several, { maxAttempts: 1 }),
      claims(200),
      (answers) =>
        leased(answers).map(({ id, leaseToken }) =>
          ask('POST', `/v1/tasks/${id}/fail`, { leaseToken, error: { message: 'x'.repeat(2048) } }),
        ),
    ),
    'import of a workflow with a history': bomb(imported(workflowLine('bomb-%n', zeros(full), [zeros(full)]))),
    'import of a workflow with 999 versions': bomb(
      imported(
        workflowLine(
          'bomb-%n',
          '1',
          times(999, () => '1'),
        ),
      ),
    ),
    'export of large states': bomb(
      ask('GET', '/v1/export?kinds=workflow&tenant=default&after=page'),
      stored(pageOf(zeros(full))),
    ),
    'keyed commit of 50 patches': bomb(
      {
        ...ask('POST', '/v1/commits', { patches: times(50, (i) => ({ id: `bomb-${i}`, merge: { n: '%n' } })) }),
        headers: { 'idempotency-key': 'bomb-%n' },
      },
      stored(Object.fromEntries(times(50, (i) => [[`bomb-${i}`, `{"x":${zeros(16_000)}}`]]))),
    ),
  };
}

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
