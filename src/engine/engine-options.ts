import type { Config } from '../config/config.js';
import type { EngineOptions } from './engine.js';

export function optionsOf(config: Config): EngineOptions {
  const { workflowTtlMs: defaultTtlMs, maxStateBytes, historyLimit, historyMaxBytes, tasks, feed } = config;
  return { defaultTtlMs, maxStateBytes, historyLimit, historyMaxBytes, tasks, feed };
}
