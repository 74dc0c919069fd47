import { VERSION } from '../../version.js';

/** Raised when keys or their fields change meaning. Data of another schema is not served. */
export const SCHEMA = 4;

/**
 * Beginning of the mark of a tenant. Every script that writes checks the mark first, so that no data of another program
 * or of another schema is taken for ours. The mark ends with the version of the service that made it.
 */
export const MARK_START = `${SCHEMA} waymark `;
export const MARK = `${MARK_START}${VERSION}`;

/** Stands for data of schema 3, which had no mark. */
export const FORMER_MARK = '3 waymark 0.1';
/** Mark of data of schema 3 while it is upgraded. */
export const UPGRADING = '3 waymark upgrading';

export interface Mark {
  readonly schema: number;
  readonly version: string;
}

/** Undefined for a value that is no mark. */
export function readMark(text: string): Mark | undefined {
  const [, schema, version] = /^(\d+) waymark (\S+)$/.exec(text) ?? [];
  return schema === undefined || version === undefined ? undefined : { schema: Number(schema), version };
}
