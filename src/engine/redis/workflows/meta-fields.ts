/**
 * Fields of the packed meta of a workflow, in their order: "<field> <field>…\n<about>\n<index entries>". The last two are
 * JSON of one line. A packed text takes a third of the memory of a hash, and one command reads it beside the state.
 */
export const META_FIELDS = {
  inc: 'word',
  version: 'number',
  /** Of the commit that wrote the version; none for one that was written before there were checks. */
  check: 'word',
  digest: 'word',
  created: 'number',
  updated: 'number',
  /** None: the workflow never expires. With a time to live, open tasks hold it. */
  deadline: 'number or none',
  ttl: 'number or none',
  bytes: 'number',
  history_bytes: 'number',
  /** Expiry of the history: that of the workflow or a later one, so that not every write renews it. */
  history_ends: 'number or none',
} as const satisfies Readonly<Record<string, 'word' | 'number' | 'number or none'>>;

/** Stands for a field without a value. */
export const NONE = '-';

type Name = keyof typeof META_FIELDS;
const NAMES = Object.keys(META_FIELDS) as Name[];

/** The fields of a packed meta as texts. Undefined for a value that is none. */
export function readMeta(packed: string): Readonly<Record<Name | 'about' | 'entries', string>> | undefined {
  const [head = '', about, entries, ...more] = packed.split('\n');
  const values = head.split(' ');
  if (about === undefined || entries === undefined || more.length > 0 || values.length !== NAMES.length)
    return undefined;
  const fields = Object.fromEntries(NAMES.map((name, i) => [name, values[i] as string])) as Record<Name, string>;
  return { ...fields, about, entries };
}
