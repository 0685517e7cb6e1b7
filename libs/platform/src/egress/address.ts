/** Which addresses are the public internet. Everything else is refused, so a range that is missing here stays closed. */
import ipaddr from 'ipaddr.js';

/** A network written as `address/bits`. */
export type Network = ReturnType<typeof ipaddr.parseCIDR>;

/** IPv6 addresses that are routed on the internet are all in here (RFC 4291, IANA); what ipaddr.js names inside it is special. */
const globalUnicast = ipaddr.parseCIDR('2000::/3');

/** As a reader of an error message knows them; ranges of one word are their own name. */
const names: Readonly<Record<string, string>> = {
  unspecified: 'the unspecified network',
  private: 'private',
  linkLocal: 'link-local',
  uniqueLocal: 'unique local',
  carrierGradeNat: 'carrier-grade NAT',
  ipv4Mapped: 'an IPv4 address in IPv6 form',
  rfc6145: 'an IPv4 address in IPv6 form',
  rfc6052: 'NAT64',
  '6to4': '6to4',
  teredo: 'Teredo',
  deprecatedSiteLocal: 'site-local',
};

/** Null for an address of the public internet, else what it is: `loopback`, `link-local`, `NAT64`, … */
export function specialRange(address: string): string | null {
  if (!ipaddr.isValid(address)) return 'no IP address';
  const ip = ipaddr.parse(address);
  const range: string = ip.range();
  if (range !== 'unicast') return names[range] ?? range;
  return ip.kind() === 'ipv6' && !ip.match(globalUnicast) ? 'reserved' : null;
}

/** @throws Error naming a text that is no network */
export function parseNetwork(text: string): Network {
  try {
    return ipaddr.parseCIDR(text);
  } catch (cause) {
    throw new Error(`${JSON.stringify(text)} is no network; write it like 10.0.0.0/8 or fd00::/8`, { cause });
  }
}

export function isWithin(address: string, networks: readonly Network[]): boolean {
  if (!ipaddr.isValid(address)) return false;
  const ip = ipaddr.parse(address);
  return networks.some((network) => network[0].kind() === ip.kind() && ip.match(network));
}
