/**
 * Fields of the packed meta of a workflow, in their order. New ones go last. A packed list takes a third of the memory of
 * a hash, and one command reads it beside the state. A field without a value is false.
 */
export const META_FIELDS = [
  /** Incarnation. */
  'inc',
  'version',
  /** Check of the commit that wrote the version; none for one that was written before there were checks. */
  'check',
  'digest',
  'created',
  'updated',
  /** None: the workflow never expires. With a time to live, open tasks hold it. */
  'deadline',
  'ttl',
  'bytes',
  'history_bytes',
  /** Expiry of the history: that of the workflow or a later one, so that not every write renews it. */
  'history_ends',
  /** JSON; see About in records/workflow-meta.ts. */
  'about',
  /** Index entries "field=value", a JSON list. */
  'entries',
] as const;

export type MetaField = (typeof META_FIELDS)[number];
