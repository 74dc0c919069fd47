import { Injectable } from '@nestjs/common';
import { HealthIndicatorService, type HealthIndicatorResult } from '@nestjs/terminus';
import { Engine, type StorageReport } from '../engine/engine.js';
import { Draining } from '../lifecycle/draining.js';
import { withTimeout } from '../engine/with-timeout.js';

/** A probe must answer while the store hangs. */
const TIMEOUT_MS = 1000;

@Injectable()
export class StorageHealth {
  constructor(
    private readonly engine: Engine,
    private readonly draining: Draining,
    private readonly indicators: HealthIndicatorService,
  ) {}

  async storage(): Promise<HealthIndicatorResult> {
    const check = this.indicators.check('storage');
    const report = await this.#report();
    if (report === undefined || !report.reachable) {
      return check.down({ engine: this.engine.storage, reachable: false, ...report?.details });
    }
    const { latencyMs, durability, warnings, details } = report;
    const status = warnings.length === 0 ? 'ok' : 'degraded';
    return check.up({ engine: this.engine.storage, condition: status, latencyMs, durability, warnings, ...details });
  }

  async serving(): Promise<HealthIndicatorResult> {
    const check = this.indicators.check('serving');
    return this.draining.hasBegun ? check.down({ message: 'shutting down' }) : check.up();
  }

  async #report(): Promise<StorageReport | undefined> {
    try {
      return await withTimeout(this.engine.inspect(), TIMEOUT_MS, () => undefined);
    } catch {
      // The engine has logged the reason.
      return undefined;
    }
  }
}
