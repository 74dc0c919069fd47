/**
 * Function that makes an object with these members; `value` gives the JavaScript of a member, which may use `from`.
 * The code is generated as one object literal. V8 is many times slower with an object that a loop has built or that has
 * members after a spread, and each spread of such an object is slow too.
 */
export function makerOf<From, Made>(
  names: readonly (string & keyof Made)[],
  value: (name: string, place: number) => string,
): (from: From) => Made {
  const members = names.map((name, place) => `${JSON.stringify(name)}: ${value(name, place)}`);
  return new Function('from', `return { ${members.join(', ')} };`) as (from: From) => Made;
}
