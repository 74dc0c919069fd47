import { isIP } from 'node:net';

/** The one spelling of an address: without a zone; IPv4 inside IPv6 as IPv4. */
export function normalAddress(address: string): string {
  const [plain = ''] = address.split('%', 1);
  if (isIP(plain) !== 6) return plain;
  const shortest = new URL(`http://[${plain}]`).hostname.slice(1, -1);
  const [, high, low] = /^::ffff:([\da-f]{1,4}):([\da-f]{1,4})$/.exec(shortest) ?? [];
  if (high === undefined || low === undefined) return shortest;
  const bytes = [high, low].map((group) => Number.parseInt(group, 16)).flatMap((group) => [group >> 8, group & 0xff]);
  return bytes.join('.');
}

/**
 * Key under which limits count an address. For IPv6 it is the /56 network, since one caller can have 2^72 addresses.
 */
export function subjectOf(address: string): string {
  if (isIP(address) !== 6) return address;
  const groups = groupsOf(address);
  const third = (groups[3] as number) & 0xff00;
  return `${[...groups.slice(0, 3), third].map((group) => group.toString(16)).join(':')}::/56`;
}

/** The eight groups of an IPv6 address without a zone. */
export function groupsOf(address: string): number[] {
  const [before = '', after] = address.split('::');
  const parse = (text: string) => (text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16)));
  if (after === undefined) return parse(before);
  const [head, tail] = [parse(before), parse(after)];
  return [...head, ...Array.from({ length: 8 - head.length - tail.length }, () => 0), ...tail];
}
