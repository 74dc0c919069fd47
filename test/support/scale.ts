/** `npm run chaos` sets WAYMARK_CHAOS: the specs of test/chaos then take their long form, otherwise the short one. */
export const IS_LONG = process.env['WAYMARK_CHAOS'] !== undefined;

export function scaled<T>(sizes: { readonly short: T; readonly long: T }): T {
  return IS_LONG ? sizes.long : sizes.short;
}
