/** What may be called: the rules on a URL and on the addresses that its host name stands for. */
import { isIP } from 'node:net';
import type { CommonConfig } from '../config/index.ts';
import { isWithin, parseNetwork, specialRange } from './address.ts';

/** The exempted networks and addresses may be called although they are not public, over http too and on any port. */
export type EgressConfig = Pick<CommonConfig, 'EGRESS_ALLOW_CIDRS' | 'EGRESS_ALLOW_ADDRESSES' | 'EGRESS_ALLOW_PORTS'>;

/** Where a connection is about to go. */
export interface Target {
  readonly protocol: string;
  /** A name or an address, IPv6 without its brackets. */
  readonly host: string;
  readonly port: number;
}

export interface Policy {
  /** Null when all of these addresses may be called, else why not: `leads to 127.0.0.1, which is loopback`. */
  refusal(target: Target, addresses: readonly string[]): string | null;
}

/** @throws Error for a network or address that is none */
export function createPolicy(config: EgressConfig): Policy {
  const networks = config.EGRESS_ALLOW_CIDRS.map(parseNetwork);
  const endpoints = new Set(config.EGRESS_ALLOW_ADDRESSES.map(parseEndpoint));
  const ports = new Set([80, 443, ...config.EGRESS_ALLOW_PORTS]);
  const isExempt = (address: string, port: number) => isWithin(address, networks) || endpoints.has(endpoint(address, port));
  return {
    refusal: ({ protocol, host, port }, addresses) => {
      const strangers = addresses.filter((address) => !isExempt(address, port));
      for (const address of strangers) {
        const range = specialRange(address);
        if (range !== null) return `${host === address ? 'is' : `leads to ${address}, which is`} ${range}`;
      }
      if (strangers.length > 0 && protocol !== 'https:') return 'is not https';
      if (strangers.length > 0 && !ports.has(port)) return `uses port ${port}; allowed are ${[...ports].join(', ')}`;
      return null;
    },
  };
}

/**
 * The target of a URL, or why it can have none. `URL` has brought every spelling of an address (decimal, octal, hexadecimal,
 * shortened) into one form.
 */
export function targetOf(text: string): Target | string {
  if (!URL.canParse(text)) return 'is no URL';
  const { protocol, hostname, port, username, password } = new URL(text);
  if (protocol !== 'https:' && protocol !== 'http:') return 'is not https';
  if (username !== '' || password !== '') return 'carries a user name or password';
  const host = hostname.replace(/^\[(.*)\]$/, '$1');
  return { protocol, host, port: port === '' ? (protocol === 'https:' ? 443 : 80) : Number(port) };
}

const endpoint = (address: string, port: number): string => `${address}|${port}`;

function parseEndpoint(text: string): string {
  const [, v6, v4, port] = /^(?:\[(.+)\]|([^:]+)):(\d+)$/.exec(text) ?? [];
  const address = v6 ?? v4 ?? '';
  if (isIP(address) === 0) throw new Error(`${JSON.stringify(text)} is no address with a port; write it like 127.0.0.1:8080 or [::1]:8080`);
  return endpoint(address, Number(port));
}
