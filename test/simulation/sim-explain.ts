/** Stands for the function of the same name in the product, which would open real connections to find the cause. */
export async function explain(): Promise<string> {
  return 'simulated';
}
