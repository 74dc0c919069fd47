const KEY_BYTES = 32;
/** A random key has about thirty different bytes, and as many different steps between them; samples have few. */
const MIN_DIFFERENT = 16;

/** 64 hexadecimal digits that look random: no sample, no repeated pattern, nothing counted. */
export function isEncryptionKey(text: string): boolean {
  if (!/^[0-9A-Fa-f]{64}$/.test(text)) return false;
  const bytes = Buffer.from(text, 'hex');
  const steps = Array.from({ length: KEY_BYTES - 1 }, (_, i) => (bytes[i + 1] ?? 0) - (bytes[i] ?? 0));
  return new Set(bytes).size >= MIN_DIFFERENT && new Set(steps).size >= MIN_DIFFERENT;
}
