/** A timer that is later than this shows that the event loop was held. */
const HELD_MS = 100;

export interface PatientTimer {
  stop(): void;
}

/**
 * Calls `expired` after `ms` of waiting for a socket.
 * Timers run before sockets are read. So a timer that is due first gives the sockets a turn, in which an answer may
 * stop it. If the loop was held, the timer waits longer by as much, since the request may not have been sent: in all by
 * at most `ms`, so that a loop that is always late does not keep a dead connection.
 * `keepsAlive`: the process does not end while the timer runs.
 */
export function startPatientTimer(
  ms: number,
  expired: () => void,
  { wasHeld, keepsAlive = true }: { readonly wasHeld?: () => void; readonly keepsAlive?: boolean } = {},
): PatientTimer {
  let timer: NodeJS.Timeout | undefined;
  let turn: NodeJS.Immediate | undefined;
  let extensionMs = ms;
  const start = (delayMs: number): void => {
    const dueAt = performance.now() + delayMs;
    timer = setTimeout(() => {
      const lateMs = performance.now() - dueAt;
      const isHeld = lateMs >= HELD_MS;
      if (isHeld) wasHeld?.();
      const more = isHeld ? Math.min(lateMs, extensionMs) : 0;
      extensionMs -= more;
      turn = setImmediate(() => (more > 0 ? start(more) : expired()));
    }, delayMs);
    if (!keepsAlive) timer.unref();
  };
  start(Math.max(0, ms));
  return {
    stop() {
      clearTimeout(timer);
      clearImmediate(turn);
    },
  };
}
