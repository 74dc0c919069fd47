/** Key in a map of all tenants. NUL separates the parts, because no name contains it. */
export function tenantKey(tenant: string, name: string): string {
  return `${tenant}\0${name}`;
}
