import { Injectable } from '@nestjs/common';
import { Config } from '../config/config.js';
import { InvalidEnvironmentError, type EnvironmentProblem } from '../config/invalid-environment.error.js';
import type { Agent } from './agent.js';
import { readAgents } from './read-agents.js';

/** The configured agents. */
@Injectable()
export class Agents {
  readonly all: readonly Agent[];

  /** @throws InvalidEnvironmentError */
  constructor({ routing }: Config) {
    const problems: EnvironmentProblem[] = [];
    this.all = readAgents(routing.agents, (says) => problems.push({ name: 'ROUTING_AGENTS', value: undefined, says }));
    if (problems.length > 0) throw new InvalidEnvironmentError(problems);
  }
}
