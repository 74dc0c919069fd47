import { describe, expect, it } from '@jest/globals';
import type { Terminal } from './command.js';
import { barOf, ProgressBar } from './progress-bar.js';
import { StatusLine } from './status-line.js';

/** A progress bar on a terminal or on a pipe. `written` has all text that stderr has received. */
function opened({ isTerminal, isQuiet = false }: { isTerminal: boolean; isQuiet?: boolean }) {
  const written: string[] = [];
  let now = 1000;
  const line = new StatusLine({ columns: 60, write: (text) => written.push(text) });
  const terminal = {
    note: (text: string) => (isTerminal ? line.note(text) : written.push(`${text}\n`)),
    ...(isTerminal && { status: (text: string) => line.show(text) }),
  } as unknown as Terminal;
  const bar = new ProgressBar(terminal, { isQuiet, clock: () => now });
  return { written, terminal, bar, pass: (ms: number) => (now += ms) };
}

describe('the progress bar', () => {
  it('shows how far, how fast and how long', () => {
    expect(barOf('copy', 500, 1000, 100)).toBe(
      'copy      [============            ] 50 %  500 of 1000  100/s  5s left',
    );
  });

  it('shows bytes as bytes', () => {
    expect(barOf('import', 1536, 3 * 1024 * 1024, 512, 'bytes')).toContain('1.5 KiB of 3.0 MiB  512 B/s');
  });

  it('has something to say when it knows little', () => {
    expect(barOf('count', 0, 0, 0)).toBe('count     0  0/s');
    expect(barOf('copy', 0, 10, 0)).toContain('- left');
    expect(barOf('copy', 20, 10, 5)).toContain('100 %');
  });

  it('draws one line of a terminal again and again, at most ten times a second, and removes it', () => {
    const { written, bar, pass } = opened({ isTerminal: true });
    bar.begin('copy', 0);
    for (let i = 0; i < 1000; i++) {
      pass(1);
      bar.add(2);
    }
    bar.clear();
    bar.clear();
    expect(written).toHaveLength(12);
    expect(written.every((text) => text.startsWith('\r\u001b[K') && !text.includes('\n'))).toBe(true);
    expect(written.at(-2)).toBe('\r\u001b[Kcopy      2000  2000/s');
    expect(written.at(-1)).toBe('\r\u001b[K');
  });

  it('never wraps, and keeps other lines above it', () => {
    const { written, terminal, bar } = opened({ isTerminal: true });
    bar.begin('copy', 1_000_000_000);
    const shown = (written[0] as string).slice(4);
    expect(shown).toHaveLength(59);
    terminal.note('a conflict');
    expect(written[1]).toBe(`\r\u001b[Ka conflict\n${shown}`);
  });

  it('prints a whole line every half a minute where there is no terminal, and nothing when it is quiet', () => {
    const { written, bar, pass } = opened({ isTerminal: false });
    bar.begin('copy', 400);
    for (let i = 0; i < 3; i++) {
      bar.add(100);
      pass(20_000);
    }
    bar.add(0);
    bar.clear();
    expect(written).toEqual(['copy: 300 of 400 (75 %), 8/s, 12.5s left\n']);
    const quiet = opened({ isTerminal: true, isQuiet: true });
    quiet.bar.begin('copy', 10);
    quiet.pass(60_000);
    quiet.bar.add(1);
    quiet.bar.clear();
    expect(quiet.written).toEqual([]);
  });
});
