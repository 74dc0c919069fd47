import type { EngineObserver } from '../../engine.js';
import { OutcomeUnknownError, StoreUnavailableError } from '../../errors.js';
import { withTimeout } from '../../with-timeout.js';
import type { Fences } from '../connection/fences.js';
import type { RedisConnections } from '../connection/redis-connections.js';
import { awayIfLost, classified, lostAnswer, LostAnswerError } from '../connection/redis-errors.js';
import type { SweepSchedule } from '../sweep-schedule.js';
import type { Fence } from './script-context.js';

const MAX_RETRIES = 2;

export interface FencedCall<Reply> {
  readonly tenant: string;
  /** A key of the tenant, which routes the call. */
  readonly route: string;
  readonly attempt: (fence: Fence) => Promise<Reply>;
  readonly isFenced: (reply: Reply) => boolean;
}

/**
 * Sends calls that write. Each is announced to the sweepers, and stands behind the fence of this replica: after a lost
 * answer it is sent again under a new epoch, and the first one is refused if it comes late.
 */
export class FencedCalls {
  constructor(
    private readonly connections: RedisConnections,
    private readonly fences: Fences,
    private readonly schedule: SweepSchedule,
    private readonly observer: EngineObserver,
  ) {}

  /** @throws StoreUnavailableError, StoreFullError: not applied. @throws OutcomeUnknownError */
  async untilKnown<Reply>({ tenant, route, attempt, isFenced }: FencedCall<Reply>): Promise<Reply> {
    const { connections } = this;
    // All attempts share one deadline: the timeout of a command.
    const deadline = performance.now() + connections.config.commandTimeoutMs;
    let isUnknown = false;
    for (let round = 0; ; round++) {
      try {
        const sent = this.once(tenant, attempt);
        // The socket timeout ends the first attempt.
        const reply = await (round === 0 ? sent : withTimeout(sent, deadline - performance.now(), lostAnswer));
        connections.answered(route);
        if (!isFenced(reply)) return reply;
        // Another connection of this replica was lost meanwhile and began a new epoch. This attempt has done nothing.
        this.fences.forget(tenant);
      } catch (error) {
        const failure = classified(error);
        isUnknown ||= failure instanceof LostAnswerError;
        if (!isUnknown) throw failure;
        this.observer.retried('lost-answer');
      }
      if (round >= MAX_RETRIES || performance.now() >= deadline) break;
      await connections.ready(route, deadline - performance.now());
    }
    throw isUnknown ? new OutcomeUnknownError() : new StoreUnavailableError();
  }

  /** Sends a call without a retry. */
  async once<Reply>(tenant: string, attempt: FencedCall<Reply>['attempt']): Promise<Reply> {
    return attempt({ replica: this.fences.replica, epoch: await this.#epoch(tenant) });
  }

  /** A failure to begin an epoch is not a lost answer, since the call was not sent. */
  async #epoch(tenant: string): Promise<string> {
    try {
      const announced = this.schedule.announce(tenant);
      if (announced === undefined) return await this.fences.epochOf(tenant);
      const [epoch] = await Promise.all([this.fences.epochOf(tenant), announced]);
      return epoch;
    } catch (error) {
      throw awayIfLost(error);
    }
  }
}
