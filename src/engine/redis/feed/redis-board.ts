import { shownBoard, type Board } from '../../board.js';
import { RedisScript, TIMED_WRITING } from '../scripts/redis-script.js';
import { groupsOf, listOf, numberOf, textOf, unexpected } from '../scripts/reply.js';
import type { ScriptReader } from '../scripts/script-reader.js';

const readScript = new RedisScript([...TIMED_WRITING, 'board'], 'read-board');

export async function readBoard(reader: ScriptReader, tenant: string, board: string): Promise<Board> {
  const reply = listOf(await reader.run(readScript, 'board', tenant, [board]));
  const [counted, noticed, entries] = reply.map((part) => listOf(part).map(textOf));
  if (counted === undefined || noticed === undefined || entries === undefined) return unexpected();
  const counts = Object.fromEntries(groupsOf(counted, 2).map(([name, count]) => [name, numberOf(count)]));
  const notices = groupsOf(noticed, 3).map(([name = '', until, text = '']) => ({
    name,
    text,
    untilMs: numberOf(until),
  }));
  // The script has left out expired notices.
  return shownBoard({ counts, notices, entries }, 0);
}
