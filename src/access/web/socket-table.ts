import { open } from 'node:fs/promises';

/** Rows of a table of the kernel, a page at a time. */
export type Pages = () => AsyncIterable<string>;

interface Sought {
  readonly text: string;
  readonly found: (row: string | undefined) => void;
}

/**
 * Finds rows in a table of the kernel.
 * The kernel writes the table anew for each reader; with room for many sockets this takes milliseconds. So one reading
 * serves all searches that began before it, and stops at the last row that is sought.
 */
export class SocketTable {
  #waiting: Sought[] = [];
  #isReading = false;

  constructor(private readonly pages: Pages) {}

  /** The row that contains this text; undefined if there is none, or if the table cannot be read. */
  find(text: string): Promise<string | undefined> {
    return new Promise((found) => {
      this.#waiting.push({ text, found });
      if (!this.#isReading) void this.#readAll();
    });
  }

  async #readAll(): Promise<void> {
    this.#isReading = true;
    while (this.#waiting.length > 0) {
      let sought = this.#waiting;
      this.#waiting = [];
      try {
        for await (const page of this.pages()) {
          sought = sought.filter((one) => !isIn(page, one));
          if (sought.length === 0) break;
        }
      } catch {
        // The remaining searches find nothing.
      }
      for (const { found } of sought) found(undefined);
    }
    this.#isReading = false;
  }
}

function isIn(page: string, { text, found }: Sought): boolean {
  const at = page.indexOf(text);
  if (at === -1) return false;
  found(page.slice(page.lastIndexOf('\n', at) + 1, page.indexOf('\n', at)));
  return true;
}

const PAGE_BYTES = 64 * 1024;

/** Pages of a table; the kernel never splits a row. */
export async function* pagesOf(file: string): AsyncIterable<string> {
  const handle = await open(file);
  try {
    const buffer = Buffer.allocUnsafe(PAGE_BYTES);
    for (;;) {
      const { bytesRead } = await handle.read(buffer, 0, PAGE_BYTES, null);
      if (bytesRead === 0) return;
      yield buffer.toString('latin1', 0, bytesRead);
    }
  } finally {
    await handle.close();
  }
}
