import { VERSION } from '../../version.js';

/** Raised when keys or their fields change meaning. Data of another schema is not served. */
export const SCHEMA = 5;

/**
 * Beginning of the mark of a tenant. Every script that writes checks the mark first, so that no data of another program
 * or of another schema is taken for ours. The mark ends with the version of the service that made it.
 */
export const MARK_START = `${SCHEMA} waymark `;
export const MARK = `${MARK_START}${VERSION}`;

/** Beginning of the mark of schema 4, which an upgrade begins with. */
export const FORMER_MARK_START = '4 waymark ';
/** Stands for data of schema 3, which had no mark. */
export const UNMARKED = '3 waymark 0.1';
/** Mark of data of schema 3 while its keys are renamed. */
export const RENAMING = '3 waymark upgrading';
/**
 * Mark of a tenant while its workflows are packed. It is that of neither schema, so no service reads or writes the
 * tenant; one of schema 4 takes it for that of a later schema.
 */
export const PACKING = '05 waymark upgrading';

export interface Mark {
  readonly schema: number;
  readonly version: string;
}

/** Undefined for a value that is no mark of a service. */
export function readMark(text: string): Mark | undefined {
  const [, schema, version] = /^([1-9]\d*) waymark (\S+)$/.exec(text) ?? [];
  return schema === undefined || version === undefined ? undefined : { schema: Number(schema), version };
}

/** Whether an upgrade can read the data of a mark. */
export function isUpgradable(mark: string): boolean {
  return mark === RENAMING || mark === PACKING || mark.startsWith(FORMER_MARK_START);
}
