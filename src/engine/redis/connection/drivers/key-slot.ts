const SLOTS = 16_384;

/** Slot of a key in a Cluster: CRC16 (XMODEM) of its hash tag, or of the whole key. */
export function keySlot(key: string): number {
  return crc16(Buffer.from(hashTagOf(key) ?? key)) % SLOTS;
}

/** Non-empty text between the first { and the next }. */
export function hashTagOf(key: string): string | undefined {
  const start = key.indexOf('{');
  const end = start < 0 ? -1 : key.indexOf('}', start + 1);
  return end > start + 1 ? key.slice(start + 1, end) : undefined;
}

function crc16(bytes: Uint8Array): number {
  let crc = 0;
  for (const byte of bytes) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit++) crc = ((crc << 1) ^ (crc & 0x8000 ? 0x1021 : 0)) & 0xffff;
  }
  return crc;
}
