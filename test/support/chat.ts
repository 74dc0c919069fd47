/** A message of about one kilobyte. */
export function message(i: number): { id: string; content: string; tokens: number; parts: unknown[] } {
  return {
    id: `m-${i}`,
    content: `Message ${i} says something. `.repeat(35),
    tokens: i,
    parts: [{ type: 'text', n: i }],
  };
}

export const chat = (messages: unknown[]) => JSON.stringify({ status: 'running', messages, cursor: { at: 1 } });
