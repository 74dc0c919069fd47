import { shownBoard, type Board, type Notice } from '../../board.js';
import { stateKey, prefixOf } from '../keys.js';
import { RedisScript, WRITING } from '../scripts/redis-script.js';
import { listOf, numberOf, textOf, unexpected } from '../scripts/reply.js';
import type { ScriptReader } from '../scripts/script-reader.js';

const readScript = new RedisScript([...WRITING, 'board'], 'read-board');

export async function readBoard(
  reader: ScriptReader,
  namespace: string,
  tenant: string,
  board: string,
): Promise<Board> {
  const keys = [stateKey(prefixOf(namespace, tenant), '')];
  const reply = listOf(await reader.run(readScript, 'board', tenant, keys, [board]));
  const [counted, noticed, entries] = reply.map((part) => listOf(part).map(textOf));
  if (counted === undefined || noticed === undefined || entries === undefined) return unexpected();
  const counts: Record<string, number> = {};
  for (let i = 0; i < counted.length; i += 2) counts[counted[i] as string] = numberOf(counted[i + 1]);
  const notices: Notice[] = [];
  for (let i = 0; i < noticed.length; i += 3) {
    const [name, until, text] = noticed.slice(i, i + 3) as [string, string, string];
    notices.push({ name, text, untilMs: numberOf(until) });
  }
  // The script has left out expired notices.
  return shownBoard({ counts, notices, entries }, 0);
}
