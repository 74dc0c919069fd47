// Requests of every kind that works with a body or with stored data, drawn at random for the search of stalls.
import { ask, below, bomb, claims, enqueued, imported, leased, list, store, stored, times } from './bombs.mjs';
import { versions, wide, workflowLine, zeros } from './bombs.mjs';

/** Values of about `bytes` characters of JSON. `draw` gives the details. */
const SHAPES = {
  zeros,
  arrays: (bytes) => list(bytes / 3, () => '[]'),
  objects: (bytes) => list(bytes / 3, () => '{}'),
  texts: (bytes, draw) => list(bytes / 8, (i) => `"${(i * draw.whole(1, 99)) % 100_000}"`),
  escapes: (bytes, draw) => `"${draw.one(['\\u00e9', '\\n', '\\\\', '\\"', '\\ud83d\\ude00']).repeat(bytes / 8)}"`,
  letters: (bytes, draw) => `"${draw.one(['a', '\u4e2d', '\u00e9', '\u{1f600}', '\u0315\u0300']).repeat(bytes / 4)}"`,
  digits: (bytes, draw) => draw.one([`0.${'0'.repeat(bytes)}1`, `1e-${'1'.repeat(bytes)}`, `0.${'7'.repeat(bytes)}`]),
  numbers: (bytes, draw) => list(bytes / 8, () => draw.one(['1.5e10', '-0.0', '1e-400', '123456'])),
  wide: (bytes, draw) => wide(Math.min(49_000, bytes / 10), draw.one(['0', '{}', '[]', '{"a":1}', '"x"'])),
  'long names': (bytes, draw) => {
    const names = draw.whole(1, 60);
    return `{${times(names, (i) => `"${'n'.repeat(bytes / names)}${i}":0`).join(',')}}`;
  },
  deep: (bytes, draw) => below(draw.whole(1, 92), SHAPES[draw.one(['zeros', 'arrays', 'wide', 'texts'])](bytes, draw)),
  records: (bytes, draw) => {
    const step = draw.whole(1, 9999);
    const item = draw.one([
      (i) => `{"id":${(i * step) % 20_000},"v":${i}}`,
      (i) => `{"id":"${i}","v":[${i * step}]}`,
      (i) => `[${i % step}]`,
    ]);
    return list(Math.min(24_000, bytes / 22), item);
  },
  blanks: (bytes) => `[${' '.repeat(bytes / 2)}0,${'\t\n'.repeat(bytes / 4)}1]`,
};
/** Names of members that the service reads. */
const NAMES = ['status', 'logs', 'exhibits', 'sections', 'a', 'user_id'];

function value(draw, bytes) {
  if (bytes < 100 || draw.one([0, 0, 1]) === 0) return SHAPES[draw.one(Object.keys(SHAPES))](bytes, draw);
  return `{${times(2, (i) => {
    const name = NAMES[(draw.whole(0, 5) + i) % NAMES.length];
    return i === 0 || name !== 'status' ? `"${name}${i === 0 ? '' : i}":${value(draw, bytes / 3)}` : '"b":0';
  }).join(',')}}`;
}

function place(draw) {
  const inside = draw.one([
    '',
    '/0',
    '/-',
    '/k7',
    `/k${draw.whole(0, 40_000)}`,
    `/${draw.whole(0, 400_000)}`,
    '/a/a/a/a',
  ]);
  return draw.one([`/${draw.one(NAMES)}`, '', '/a1', '/logs1']) + inside;
}

function operations(draw, bytes) {
  const count = draw.size(1000);
  const made = draw.one([1, 3, 6]);
  const kinds = times(made, () => [
    (i) => {
      const [op, at, from] = [
        draw.one(['add', 'add', 'remove', 'replace', 'copy', 'move', 'test']),
        place(draw),
        place(draw),
      ];
      const text = value(draw, Math.min(bytes / 2, draw.one([4, 40, 900])));
      return `{"op":"${op}","path":"${at.replace('-7', String(i))}","from":"${from}","value":${text}}`;
    },
  ]);
  return `[${times(count, (i) => kinds[i % made](i)).join(',')}]`;
}

const AT = '/v1/workflows/bomb';
const QUEUE = '/v1/queues/bomb-%n';
const JSON_PATCH = 'application/json-patch+json';
const MERGE = 'application/merge-patch+json';

/** Each: makes a bomb from `draw`, and the limits of one state and of one commit. */
export const KINDS = {
  put: (draw, { full }) => bomb(store('bomb', value(draw, draw.size(full)))),
  envelope: (draw, { full }) => {
    const member = draw.one(['ttlSeconds', 'ttlMs', 'id', 'x', 'state']);
    return bomb(ask('PUT', AT, `{"state":1,"${member}${draw.one(['', '2'])}":${value(draw, draw.size(full))}}`));
  },
  members: (draw, { full }) => bomb(ask('POST', '/v1/workflows', value(draw, draw.size(full)))),
  'broken JSON': (draw, { full }) => {
    const text = value(draw, draw.size(full));
    return bomb(
      store('bomb', text.slice(0, Math.floor(text.length * draw.part())) + draw.one(['', '"', ',', '{"a":1,"a":2}'])),
    );
  },
  patch: (draw, { full }) =>
    bomb(ask('PATCH', `${AT}/state`, operations(draw, full), JSON_PATCH), store('bomb', value(draw, draw.size(full)))),
  merge: (draw, { full }) =>
    bomb(ask('PATCH', `${AT}/state`, value(draw, draw.size(full)), MERGE), store('bomb', value(draw, draw.size(full)))),
  diff: (draw, { full }) => {
    const length = draw.size(full);
    const before = value(draw, length);
    const mark = draw.one(['0', '1', '"', ',', '[']);
    const other = draw.one([() => value(draw, length), () => before.replaceAll('0', mark === '1' ? '1' : '2')]);
    return bomb(ask('GET', `${AT}/versions/1/diff/2`), versions(before, other()));
  },
  document: (draw, { full }) => {
    const [method, path] = draw.one([
      ['POST', 'logs'],
      ['POST', 'exhibits'],
      ['PATCH', 'sections/7'],
      ['PUT', 'status'],
    ]);
    const body = draw.one([
      { status: 'x' },
      `{"status":${value(draw, draw.size(full))}}`,
      value(draw, draw.size(full)),
    ]);
    return bomb(ask(method, `${AT}/${path}`, body), store('bomb', value(draw, draw.size(full))));
  },
  history: (draw, { full }) => {
    const states = times(draw.size(60), () => value(draw, Math.min(draw.size(full), 200_000)));
    const path = draw.one([
      'versions?include=state&limit=100',
      'versions/1',
      'events?since=0&wait=0&include=state&limit=1000',
    ]);
    return bomb(
      ask('GET', `${AT}/${path}`),
      times(states.length, (i) => store('bomb', states[i])),
    );
  },
  restore: (draw, { full }) =>
    bomb(ask('POST', `${AT}/restore`, { version: 1 }), versions(value(draw, draw.size(full)), value(draw, 10))),
  'batch-get': (draw, { full }) =>
    bomb(
      ask(
        'POST',
        '/v1/workflows/batch-get',
        draw.one([{ ids: times(100, () => 'bomb') }, `{"ids":${value(draw, draw.size(full))}}`]),
      ),
      store('bomb', value(draw, draw.size(full))),
    ),
  list: (draw, { full }) => {
    const states = times(draw.size(40), () => value(draw, Math.min(draw.size(full), 400_000)));
    const sort = draw.one(['updatedAt', '-updatedAt', 'createdAt', '-createdAt']);
    const query = draw.one(['include=state', 'include=state&idPrefix=page-', 'status=x', 'idPrefix=page-1']);
    const named = Object.fromEntries(states.map((state, i) => [`page-${i}`, state]));
    return bomb(ask('GET', `/v1/workflows?limit=1000&sort=${sort}&${query}`), stored(named));
  },
  'commit of puts': (draw, { several }) => {
    const parts = draw.whole(1, 50);
    const state = value(draw, draw.size(several / parts - 60));
    return bomb(ask('POST', '/v1/commits', `{"puts":${list(parts, (i) => `{"id":"bomb-${i}","state":${state}}`)}}`));
  },
  'commit of patches': (draw, { full, several }) => {
    const parts = draw.whole(1, 50);
    const bytes = Math.min(full, draw.size(several / parts));
    const [state, way] = [value(draw, bytes), draw.one(['merge', 'patch'])];
    const edit =
      way === 'merge' ? value(draw, draw.size(several / parts / 2)) : operations(draw, several / parts / 1000);
    const body = `{"patches":${list(parts, (i) => `{"id":"bomb-${i}","${way}":${edit}}`)}}`;
    return bomb(
      ask('POST', '/v1/commits', body.slice(0, several)),
      stored(Object.fromEntries(times(parts, (i) => [[`bomb-${i}`, state]]))),
    );
  },
  'commit of anything': (draw, { several }) => {
    const name = draw.one(['puts', 'patches', 'deletes', 'enqueue', 'publish', 'ack', 'claimNext']);
    const given = value(draw, draw.size(several - 40));
    return bomb(ask('POST', '/v1/commits', `{"${name}":${draw.one([given, `[${given}]`, `[{"id":${given}}]`])}}`));
  },
  'commit of tasks': (draw, { several }) => {
    const parts = draw.whole(1, 50);
    const task = `{"queue":"bomb-%n","payload":${value(draw, draw.size(several / parts - 60))}}`;
    return bomb(ask('POST', '/v1/commits', `{"enqueue":${list(parts, () => task)}}`));
  },
  'commit of messages': (draw) => {
    const message = `{"channel":"bomb","type":"x","payload":${value(draw, draw.size(60_000))}}`;
    return bomb(ask('POST', '/v1/commits', `{"publish":${list(draw.whole(1, 50), () => message)}}`));
  },
  enqueue: (draw, { several }) => {
    const count = draw.whole(1, 100);
    const member = draw.one(['payload', 'headers', 'priority', 'backoffMs', 'dedupeKey', 'x']);
    const task = `{"payload":1,"${member}${member === 'payload' ? '2' : ''}":${value(draw, draw.size(several / count - 40))}}`;
    const tasks = draw.one([list(count, () => task), list(count, () => `{"payload":${value(draw, 900)}}`)]);
    return bomb(ask('POST', `${QUEUE}/tasks/batch`, `{"tasks":${tasks}}`));
  },
  claim: (draw, { several }) =>
    bomb(ask('POST', `${QUEUE}/claims`, { max: 50 }), enqueued(draw.size(60), draw.size(400_000), several)),
  complete: (draw, { several }) => {
    const count = draw.whole(1, 100);
    const result = value(draw, draw.size(several / count - 300));
    const done = (answers) =>
      leased(answers).map(({ id, leaseToken }) => `{"id":"${id}","leaseToken":"${leaseToken}","result":${result}}`);
    return bomb(
      (answers) => ask('POST', '/v1/tasks/batch-complete', `{"tasks":[${done(answers).join(',')}]}`),
      enqueued(count, draw.size(20_000), several),
      claims(count),
    );
  },
  'end of a workflow': (draw, { several }) =>
    bomb(
      ask('DELETE', '/v1/workflows/of-tasks-%n?tasks=cancel'),
      store('of-tasks-%n', '1'),
      enqueued(draw.size(999), draw.size(20_000), several, { workflowId: 'of-tasks-%n' }),
    ),
  routing: (draw) => {
    const piece = draw.one([
      'a',
      '\u0315\u0300',
      ' ',
      '.',
      '\u4e2d',
      '\u{1f600}',
      'e\u0301',
      '\u1100\u1161',
      '\u0345\u0334',
      'ab ',
    ]);
    const text = piece.repeat(Math.floor(draw.size(60_000) / Buffer.byteLength(piece)));
    return bomb(ask('POST', draw.one(['/v1/routing', '/api/routing/test']), { text: `x${text}` }));
  },
  import: (draw, { full }) => {
    const earlier = times(draw.size(200), () => value(draw, Math.min(full / 4, draw.size(20_000))));
    return bomb(
      imported(
        draw.one([workflowLine('bomb-%n', value(draw, draw.size(full)), earlier), value(draw, draw.size(full))]),
      ),
    );
  },
  export: (draw, { full }) =>
    bomb(
      ask('GET', '/v1/export?kinds=workflow'),
      stored({ bomb: value(draw, draw.size(full)), 'bomb-0': value(draw, draw.size(full)) }),
    ),
  'keyed patch': (draw, { full }) => ({
    ...bomb(
      { ...ask('PATCH', `${AT}/state`, operations(draw, full), JSON_PATCH), headers: { 'idempotency-key': 'bomb-%n' } },
      store('bomb', value(draw, draw.size(full))),
    ),
  }),
};
