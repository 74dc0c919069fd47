/** Alphabet of RFC 4648, in lower case. */
export const BASE_32 = 'abcdefghijklmnopqrstuvwxyz234567';

/** Without padding. The length of `bytes` is a multiple of 5, so no bit is left. */
export function inBase32(bytes: Uint8Array): string {
  let text = '';
  for (let bit = 0; bit < bytes.length * 8; bit += 5) {
    const pair = ((bytes[bit >> 3] ?? 0) << 8) | (bytes[(bit >> 3) + 1] ?? 0);
    text += BASE_32[(pair >> (11 - (bit & 7))) & 31];
  }
  return text;
}
