import { Injectable } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { Engine } from '../engine/engine.js';
import { DurabilityUnavailableError, WriteUnconfirmedError } from '../engine/errors.js';
import { etagOf, type WorkflowMeta } from '../engine/records/workflow-meta.js';
import { InvalidDurabilityError } from './http-errors.js';

const HEADER = 'waymark-durability';

/** `Waymark-Durability: replicated`: a write is answered once a replica has it. */
@Injectable()
export class Durability {
  constructor(private readonly engine: Engine) {}

  /** @throws InvalidDurabilityError, DurabilityUnavailableError before anything is written */
  isAskedFor({ headers }: FastifyRequest): boolean {
    const asked = headers[HEADER];
    if (asked === undefined) return false;
    if (asked !== 'replicated') throw new InvalidDurabilityError();
    const { unconfirmable } = this.engine;
    if (unconfirmable !== undefined) throw new DurabilityUnavailableError(unconfirmable);
    return true;
  }

  /** Runs a write and waits for its confirmation. The write calls `renamed` with its once key. @throws WriteUnconfirmedError */
  async confirmed<T>(tenant: string, write: (renamed: (key: string) => void) => Promise<T>): Promise<T> {
    let key = '';
    const run = () => write((name) => (key = name));
    let written = await run();
    let confirmation = await this.engine.confirm(tenant, key);
    if (confirmation === 'gone') {
      // A replica without the write and its once key was promoted, so the write runs again there.
      written = await run();
      confirmation = await this.engine.confirm(tenant, key);
    }
    if (confirmation === 'confirmed') return written;
    throw new WriteUnconfirmedError(etagIn(written));
  }
}

/** Tag of the written workflow, if there is exactly one. */
function etagIn(written: unknown): string | undefined {
  const { workflow, workflows } = written as { workflow?: WorkflowMeta; workflows?: readonly WorkflowMeta[] };
  const one = workflow ?? (workflows?.length === 1 ? workflows[0] : undefined);
  return one === undefined ? undefined : etagOf(one);
}

/** For routes that store no outcome. @throws InvalidDurabilityError */
export function refuseDurability({ headers }: FastifyRequest): void {
  if (headers[HEADER] !== undefined) throw new InvalidDurabilityError();
}
