import { POLICIES_SCHEMA } from '../../config/policies.js';
import { Count, ListOf, Integer, OneOf, RawJson, Text, Time, type Common } from '../../http/shapes/fields.js';
import { TENANT, TENANT_RULE } from '../token.js';

const STATUSES = ['active', 'suspended'] as const;

const Limits = (given: Common = {}) =>
  RawJson({
    about: 'Limits by name; they override those of the settings; docs/limits.md',
    schema: POLICIES_SCHEMA,
    ...given,
  });

const Name = () => Text({ pattern: TENANT, says: TENANT_RULE, example: 'acme' });

export class TenantPath {
  @Name() tenant!: string;
}

export class TenantListQuery {
  @Integer({ min: 1, max: 1000, default: 100 }) limit!: number;
  @Text({ optional: true, about: '`nextCursor` of the page before' }) cursor?: string;
}

export class NewTenant {
  @OneOf(STATUSES, { default: 'active', about: '`suspended`: all requests are refused, the data is kept' })
  status!: 'active' | 'suspended';
  @Limits({ optional: true }) limits?: string;
}

export class TenantChange {
  @OneOf(STATUSES, { optional: true, example: 'suspended' }) status?: 'active' | 'suspended';
  @Limits({ optional: true, about: 'Replaces all limits of the tenant; `{}` leaves only those of the settings' })
  limits?: string;
}

/** A tenant. */
export class Tenant {
  @Name() name!: string;
  @OneOf([...STATUSES, 'erasing']) status!: 'active' | 'suspended' | 'erasing';
  @Limits() limits!: string;
  @Time({ nullable: true, about: 'null for `default` without a record' }) createdAtMs!: number | null;
  @Time({ nullable: true }) updatedAtMs!: number | null;
  @Count({ optional: true, about: 'Number of workflows that remain during an erasure' }) left?: number | undefined;
}

export class TenantPage {
  @ListOf(() => Tenant) items!: readonly Tenant[];
  @Text({ nullable: true }) nextCursor!: string | null;
}

/** The tenant of the caller. */
export class OwnTenant {
  @Name() name!: string;
  @OneOf([...STATUSES, 'erasing']) status!: 'active' | 'suspended' | 'erasing';
  @Limits() limits!: string;
  @RawJson({ about: 'A JSON object for programs of the tenant', schema: { type: 'object' } }) settings!: string;
}
