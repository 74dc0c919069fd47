/** Stand for the functions of the same names in the product, which would open real connections to find the cause. */
export async function explain(): Promise<string> {
  return 'simulated';
}

export async function mistakeBehind(): Promise<undefined> {
  return undefined;
}
