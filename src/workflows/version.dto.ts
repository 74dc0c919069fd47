import { CAUSES, type Cause } from '../engine/records/workflow-meta.js';
import { MAX_NOTE_CHARACTERS } from '../http/caller.js';
import type { Rules } from '../http/shapes/field.js';
import {
  Count,
  Flag,
  Integer,
  ListOf,
  OneOf,
  RawJson,
  Text,
  text,
  Time,
  Value,
  Values,
} from '../http/shapes/fields.js';
import { JSON_PATCH } from './patch.dto.js';
import { Etag, idInBody, VersionNumber, WorkflowPath } from './workflow.dto.js';

/** Any other text is read as 0, which is never a version: 404, like an unknown number. */
const numberInPath: Rules = {
  schema: { type: 'integer', minimum: 1 },
  says: 'must be an integer from 1',
  accepts: () => true,
  parse: (given) => (/^[1-9]\d{0,14}$/.test(given) ? Number(given) : 0),
};

export const NumberInPath = (about: string) => Value(numberInPath, { about, example: 1 });

export class VersionPath extends WorkflowPath {
  @NumberInPath('Version number') version!: number;
}

export class DiffPath extends WorkflowPath {
  @NumberInPath('Version number') from!: number;
  @NumberInPath('Version number') to!: number;
}

/** Page of a numbered list. */
export class PageQuery {
  @Integer({ min: 1, max: 1000, default: 50 }) limit!: number;
  @Integer({ min: 1, optional: true, about: 'Only items with a lower number' }) before?: number;
}

export class VersionQuery extends PageQuery {
  @OneOf(['desc', 'asc'], { default: 'desc', about: '`desc`: newest first; `asc`: oldest first' }) order!:
    'desc' | 'asc';
  @Integer({ min: 0, optional: true, about: 'Only items with a higher number' }) after?: number;
  @OneOf(['state'], { optional: true, about: 'With the states; a page may then be shorter than its limit' })
  include?: 'state';
}

export class RestoreRequest {
  @VersionNumber({ example: 1 }) version!: number;
}

export class ForkRequest {
  @Value(idInBody, { optional: true, about: 'Id of the new workflow; made by the service when it is absent' })
  id?: string;
  @VersionNumber({ optional: true, about: 'The current version when absent' }) version?: number;
}

/** Author and cause of a write. */
export class Origin {
  @Text({ about: 'Author: key, session or worker' }) by!: string;
  @OneOf(CAUSES) cause!: Cause;
  @Text({ max: MAX_NOTE_CHARACTERS, optional: true }) note?: string;
  @Text({ optional: true }) taskId?: string;
  @Values(text(), {
    max: 20,
    nullable: true,
    about: 'JSON Pointers to the members that the write changed; null when unknown',
  })
  changed!: readonly string[] | null;
}

export class Version extends Origin {
  @VersionNumber() version!: number;
  @Etag() incarnation!: string;
  @Time() updatedAtMs!: number;
  @Count() bytes!: number;
  @RawJson({ optional: true }) state?: string | undefined;
}

export class VersionPage {
  @ListOf(() => Version) items!: readonly Version[];
  @VersionNumber({ nullable: true, about: '`before` of the next page; null at the end, and with `order=asc`' })
  nextBefore!: number | null;
  @VersionNumber({ nullable: true, about: '`after` of the next page with `order=asc`; null at its end' })
  nextAfter!: number | null;
}

export class Diff {
  @VersionNumber() from!: number;
  @VersionNumber() to!: number;
  @Flag({ about: '`true`: too many differences, so the patch replaces the whole document' }) truncated!: boolean;
  @RawJson({ schema: JSON_PATCH }) patch!: string;
}
