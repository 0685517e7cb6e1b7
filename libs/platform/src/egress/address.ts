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

/** What ipaddr.js takes for public, or calls by no name of its own. */
const further: readonly (readonly [Network, string])[] = [
  [ipaddr.parseCIDR('192.0.2.0/24'), 'documentation'],
  [ipaddr.parseCIDR('198.51.100.0/24'), 'documentation'],
  [ipaddr.parseCIDR('203.0.113.0/24'), 'documentation'],
  [ipaddr.parseCIDR('2001:db8::/32'), 'documentation'],
  [ipaddr.parseCIDR('3fff::/20'), 'documentation'],
  [ipaddr.parseCIDR('198.18.0.0/15'), 'benchmarking'],
  [ipaddr.parseCIDR('192.88.99.0/24'), '6to4'],
  [ipaddr.parseCIDR('::/96'), 'an IPv4 address in IPv6 form'],
  [ipaddr.parseCIDR('168.63.129.16/32'), 'the platform of a cloud'], // Azure's: answers to every machine there
];

/** Null for an address of the public internet, else what it is: `loopback`, `link-local`, `NAT64`, … */
export function specialRange(address: string): string | null {
  if (!ipaddr.isValid(address)) return 'no IP address';
  const ip = ipaddr.parse(address);
  const range: string = ip.range();
  if (range !== 'unicast' && range !== 'reserved') return names[range] ?? range;
  const name = further.find(([network]) => network[0].kind() === ip.kind() && ip.match(network))?.[1];
  if (name !== undefined) return name;
  return range === 'reserved' || (ip.kind() === 'ipv6' && !ip.match(globalUnicast)) ? 'reserved' : null;
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
