import { keyBytes } from '../journal-file/seal.js';

type WholeKey = readonly [tenant: string, id: string];
type PartKey = readonly [...WholeKey, part: string | number];

interface Row<K, V> {
  readonly key: K;
  readonly value: V;
}

type WholeOrPart<W, WV, P, PV> = ({ readonly is: 'whole' } & Row<W, WV>) | ({ readonly is: 'part' } & Row<P, PV>);

/**
 * Joins two lists of rows that are in the order of their keys: each row of `wholes` is followed by its parts, whose keys begin
 * with its key. A part without a whole is where its key is in the order.
 */
export function* withParts<W extends WholeKey, WV, P extends PartKey, PV>(
  wholes: Iterable<Row<W, WV>>,
  parts: Iterable<Row<P, PV>>,
): Generator<WholeOrPart<W, WV, P, PV>> {
  const rest = parts[Symbol.iterator]();
  try {
    let part = rest.next();
    for (const { key, value } of wholes) {
      while (part.done !== true && !isPartOf(part.value.key, key) && isBefore(part.value.key, key)) {
        yield { is: 'part', ...part.value };
        part = rest.next();
      }
      yield { is: 'whole', key, value };
      while (part.done !== true && isPartOf(part.value.key, key)) {
        yield { is: 'part', key: part.value.key, value: part.value.value };
        part = rest.next();
      }
    }
    for (; part.done !== true; part = rest.next()) yield { is: 'part', ...part.value };
  } finally {
    rest.return?.();
  }
}

const isPartOf = (part: PartKey, whole: WholeKey) => part[1] === whole[1] && part[0] === whole[0];

/** Whether a part comes before a whole in the order of lmdb. */
function isBefore(part: PartKey, whole: WholeKey): boolean {
  return Buffer.compare(keyBytes(part), keyBytes(whole)) < 0;
}
