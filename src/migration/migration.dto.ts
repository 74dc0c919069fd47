import { ON_CONFLICT, type OnConflict } from '../engine/moving/arrival.js';
import type { RecordKind } from '../engine/moving/moved.js';
import { READ_AT_ONCE } from '../engine/moving/moving.js';
import { Holds, type Rules, type Schema } from '../http/shapes/field.js';
import {
  Count,
  Flag,
  Integer,
  ListOf,
  Nested,
  OneOf,
  RawJson,
  Text,
  Time,
  Value,
  Values,
  text,
} from '../http/shapes/fields.js';
import { AnyTenant, taskId } from '../http/shapes/names.js';
import { ACCESS, KINDS, VIEWS, type Access, type View } from './export-lines.js';

const MAX_WORKFLOWS = 1_000_000_000;

const kinds: Rules = {
  schema: { type: 'string', pattern: `^(${KINDS.join('|')})(,(${KINDS.join('|')}))*$` },
  says: `must be some of ${KINDS.join(', ')}, separated by commas`,
  accepts: (value) => (value as readonly RecordKind[]).every((kind) => KINDS.includes(kind)),
  parse: (given) => given.split(','),
};

@Holds<ExportQuery>({
  check: ({ after, limit, tenant, access, view }) => {
    // Ids of several tenants have no common order, so a page of them belongs to one tenant.
    if ((after !== undefined || limit !== undefined) && tenant === undefined)
      return { pointer: '/tenant', message: 'is needed with after and limit' };
    if (access === 'sealed' && view !== 'records')
      return { pointer: '/access', message: 'can be sealed only with view=records' };
    return undefined;
  },
})
export class ExportQuery {
  @OneOf(VIEWS, { default: 'records', about: 'Whole records, or only their stamps or digests' }) view!: View;
  @Value(kinds, { default: KINDS, about: `Some of ${KINDS.join(', ')}, separated by commas; all by default` })
  kinds!: readonly RecordKind[];
  @AnyTenant({ optional: true, about: 'Only this tenant' }) tenant?: string;
  @OneOf(ACCESS, {
    default: 'include',
    about:
      'Keys, tenants and other records of hidden tenants: `sealed` with TOKEN_ENCRYPTION_KEY, for `view=records`; `omit` leaves them out',
  })
  access!: Access;
  @Time({ optional: true, about: 'Only workflows that were written after this time' }) sinceMs?: number;
  @Text({ optional: true, about: 'Only workflows after this id; needs `tenant`' }) after?: string;
  @Integer({
    min: 1,
    max: MAX_WORKFLOWS,
    optional: true,
    about: 'Maximum number of workflows; `next` of the end line is the next `after`; needs `tenant`',
  })
  limit?: number;
}

export class RecordSelection {
  @AnyTenant({ default: 'default' }) tenant!: string;
  @OneOf(KINDS) kind!: RecordKind;
  @Values(taskId(), { max: READ_AT_ONCE, says: `must be a list of at most ${READ_AT_ONCE} ids`, example: ['writer'] })
  ids!: readonly string[];
}

const MOVED_RECORD: Schema = {
  type: ['object', 'null'],
  description:
    'A workflow, task, queue or board exactly as it is stored, or the name of a damaged one; docs/migration.md',
  required: ['kind', 'id', 'tenant'],
  properties: {
    kind: { type: 'string', enum: [...KINDS, 'damaged'] },
    id: { type: 'string' },
    tenant: { type: 'string' },
  },
};

export class MovedRecords {
  @RawJson({ schema: { type: 'array', items: MOVED_RECORD } }) items!: string;
}

export class ImportQuery {
  @OneOf(ON_CONFLICT, {
    default: 'fail',
    about:
      'If the store has another record under the id: `skip` keeps it, `newer` takes the later one, `fail` keeps it and reports a conflict',
  })
  onConflict!: OnConflict;
  @Flag({ default: false, about: 'Report what would happen, and write nothing' }) dryRun!: boolean;
  @OneOf(['counts', 'each'], { default: 'counts', about: '`each`: the outcome of every record' }) report!:
    'counts' | 'each';
}

export class ImportCounts {
  @Count() created!: number;
  @Count() updated!: number;
  @Count() same!: number;
  @Count() kept!: number;
  @Count() conflict!: number;
  @Count() expired!: number;
  @Count() removed!: number;
}

export class ImportProblem {
  @Integer({ min: 1 }) line!: number;
  @Text() message!: string;
}

export class ImportReport {
  @Nested(() => ImportCounts) counts!: ImportCounts;
  @Count() lines!: number;
  @Flag({ about: 'The stream ended with its end line, whose counts are those of the lines before it' })
  isComplete!: boolean;
  @Count({ about: 'Damaged records that the export names and does not have; each is a problem too' }) damaged!: number;
  @ListOf(() => ImportProblem, { about: 'The first hundred' }) problems!: readonly ImportProblem[];
  @Count() problemCount!: number;
  @Values(text(), {
    max: Number.MAX_SAFE_INTEGER,
    optional: true,
    about: 'With `report=each`: outcome of each record, in order',
  })
  outcomes?: readonly string[] | undefined;
}
