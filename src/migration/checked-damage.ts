import type { RecordKind } from '../engine/moving/moved.js';
import { InvalidLineError, type Fields } from './checked-record.js';
import { COUNT_OF, type DamagedLine } from './lines.js';

const MAX_MESSAGE = 1000;

/** @throws InvalidLineError */
export function checkedDamage({ of, id, message }: Fields, tenant: string): DamagedLine {
  const isKind = typeof of === 'string' && Object.hasOwn(COUNT_OF, of);
  if (!isKind || typeof id !== 'string' || typeof message !== 'string')
    throw new InvalidLineError('a damaged line needs the members of (a kind), id and message');
  return { kind: 'damaged', tenant, of: of as RecordKind, id, message: message.slice(0, MAX_MESSAGE) };
}
