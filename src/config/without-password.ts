/** A URL without user and password. */
export function withoutPassword(text: string): string {
  try {
    const url = new URL(text);
    url.username = '';
    url.password = '';
    return url.href;
  } catch {
    return text.replace(/\/\/[^@]*@/, '//');
  }
}
