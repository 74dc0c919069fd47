import { LostAnswerError } from './redis-errors.js';

/** What the promise comes to, if that is soon enough. @throws LostAnswerError */
export async function within<T>(ms: number, promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new LostAnswerError('no answer in time')), Math.max(0, ms));
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
    // It may still fail, when nobody listens any more.
    promise.catch(() => undefined);
  }
}
