/** The reason of a rejected promise. @throws Error when it is not rejected. */
export async function refusalOf(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error('This was accepted and had to be refused');
}
