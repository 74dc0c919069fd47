import { startPatientTimer, type PatientTimer } from './patient-timer.js';

/** The result of `work`, or of `late` (which may throw) if `work` takes longer than `ms`. Clears its timer. */
export async function withTimeout<T, L>(work: Promise<T>, ms: number, late: () => L): Promise<T | L> {
  let timer: PatientTimer | undefined;
  const timeout = new Promise<void>((resolve) => (timer = startPatientTimer(ms, resolve)));
  try {
    return await Promise.race([work, timeout.then(late)]);
  } finally {
    timer?.stop();
  }
}
