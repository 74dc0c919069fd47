import { isIP, type BlockList } from 'node:net';

const RANGE = /^(.+?)(?:\/(\d{1,3}))?$/;

/** True for an address, or a range as address/bits (CIDR). */
export function isRange(text: string): boolean {
  const [, address = '', bits] = RANGE.exec(text) ?? [];
  const family = isIP(address);
  return family !== 0 && (bits === undefined || Number(bits) <= (family === 6 ? 128 : 32));
}

export function addRange(list: BlockList, text: string): void {
  const [, address = '', bits] = RANGE.exec(text) ?? [];
  const family = isIP(address) === 6 ? 'ipv6' : 'ipv4';
  if (bits === undefined) list.addAddress(address, family);
  else list.addSubnet(address, Number(bits), family);
}
