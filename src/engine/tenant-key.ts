/** Key of something of a tenant in a map for all tenants. No name contains NUL. */
export function tenantKey(tenant: string, name: string): string {
  return `${tenant}\0${name}`;
}
