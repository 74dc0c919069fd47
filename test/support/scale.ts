/**
 * `npm run chaos` sets WAYMARK_CHAOS, and `npm run redis-kinds` WAYMARK_REDIS_KINDS: cases that have a long form then take it,
 * otherwise the short one.
 */
export const IS_LONG = ['WAYMARK_CHAOS', 'WAYMARK_REDIS_KINDS'].some((name) => process.env[name] !== undefined);

export function scaled<T>(sizes: { readonly short: T; readonly long: T }): T {
  return IS_LONG ? sizes.long : sizes.short;
}
