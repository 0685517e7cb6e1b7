/** The guard against every spelling of an address that is not the public internet's. No packet leaves: names are resolved by a table. */
import { LikenessError } from '@likeness/contracts';
import { describe, expect, it } from 'vitest';
import { specialRange } from './address.ts';
import { createEgress, type EgressConfig } from './index.ts';

const names: Record<string, string[]> = {
  'public.example': ['93.184.216.34', '2606:2800:220:1:248:1893:25c8:1946'],
  'internal.example': ['10.0.0.5'],
  'mixed.example': ['93.184.216.34', '127.0.0.1'],
  'mixed6.example': ['2606:2800:220:1:248:1893:25c8:1946', '::1'],
  'mapped.example': ['::ffff:93.184.216.34'],
  'metadata.example': ['169.254.169.254'],
  localhost: ['127.0.0.1', '::1'],
  'localhost.': ['127.0.0.1'],
};
const resolve = async (host: string): Promise<string[]> => {
  const found = names[host];
  if (!found) throw new Error(`getaddrinfo ENOTFOUND ${host}`);
  return found;
};
const nothing: EgressConfig = { EGRESS_ALLOW_CIDRS: [], EGRESS_ALLOW_ADDRESSES: [], EGRESS_ALLOW_PORTS: [] };
const egressWith = (config: Partial<EgressConfig> = {}) => createEgress({ ...nothing, ...config }, { resolve });
const refusal = async (url: string, config: Partial<EgressConfig> = {}): Promise<string | null> => {
  try {
    await egressWith(config).check(url, 'webhook_url_blocked');
    return null;
  } catch (error) {
    if (error instanceof LikenessError && error.code === 'webhook_url_blocked') return error.message;
    throw error;
  }
};

describe('a URL with an address', () => {
  it.each([
    // loopback, in every spelling that a URL parser takes
    ['https://127.0.0.1/', 'loopback'],
    ['https://127.1/', 'loopback'],
    ['https://127.0.1/', 'loopback'],
    ['https://127.255.255.254/', 'loopback'],
    ['https://2130706433/', 'loopback'],
    ['https://0x7f000001/', 'loopback'],
    ['https://0x7f.0.0.1/', 'loopback'],
    ['https://0x7F.0x0.0x0.0x1/', 'loopback'],
    ['https://0177.0.0.1/', 'loopback'],
    ['https://017700000001/', 'loopback'],
    ['https://127.0.0.1./', 'loopback'],
    ['https://%31%32%37.0.0.1/', 'loopback'],
    ['https://１２７.０.０.１/', 'loopback'],
    ['https://①②⑦.⓪.⓪.①/', 'loopback'],
    ['https://127。0。0。1/', 'loopback'],
    ['https://[::1]/', 'loopback'],
    ['https://[0:0:0:0:0:0:0:1]/', 'loopback'],
    ['https://[0000:0000::0001]/', 'loopback'],
    // this host
    ['https://0.0.0.0/', 'the unspecified network'],
    ['https://0/', 'the unspecified network'],
    ['https://0.1.2.3/', 'the unspecified network'],
    ['https://[::]/', 'the unspecified network'],
    // private
    ['https://10.0.0.1/', 'private'],
    ['https://10.255.255.255/', 'private'],
    ['https://167772161/', 'private'],
    ['https://012.0.0.1/', 'private'],
    ['https://172.16.0.1/', 'private'],
    ['https://172.31.255.255/', 'private'],
    ['https://192.168.0.1/', 'private'],
    ['https://0xc0a80001/', 'private'],
    ['https://192.168.257/', 'private'],
    ['https://[fc00::1]/', 'unique local'],
    ['https://[fd12:3456:789a::1]/', 'unique local'],
    // link-local, where clouds keep their credentials
    ['https://169.254.169.254/latest/meta-data/', 'link-local'],
    ['https://2852039166/', 'link-local'],
    ['https://0xa9fea9fe/', 'link-local'],
    ['https://0251.0376.0251.0376/', 'link-local'],
    ['https://[fe80::1]/', 'link-local'],
    ['https://[febf::1]/', 'link-local'],
    ['https://[fec0::1]/', 'site-local'],
    // carriers, benchmarks, documentation, protocols
    ['https://100.64.0.1/', 'carrier-grade NAT'],
    ['https://100.127.255.255/', 'carrier-grade NAT'],
    ['https://192.0.0.1/', 'reserved'],
    ['https://192.0.2.1/', 'reserved'],
    ['https://192.88.99.1/', 'reserved'],
    ['https://198.18.0.1/', 'reserved'],
    ['https://198.19.255.255/', 'reserved'],
    ['https://198.51.100.1/', 'reserved'],
    ['https://203.0.113.1/', 'reserved'],
    ['https://[2001:db8::1]/', 'reserved'],
    ['https://[3fff::1]/', 'reserved'],
    ['https://[100::1]/', 'discard'],
    ['https://[2001:2::1]/', 'benchmarking'],
    ['https://[5f00::1]/', 'segmentRouting'],
    // multicast, broadcast, class E
    ['https://224.0.0.1/', 'multicast'],
    ['https://239.255.255.255/', 'multicast'],
    ['https://240.0.0.1/', 'reserved'],
    ['https://255.255.255.255/', 'broadcast'],
    ['https://[ff02::1]/', 'multicast'],
    // IPv4 inside IPv6: public or not, it is a way around
    ['https://[::ffff:127.0.0.1]/', 'an IPv4 address in IPv6 form'],
    ['https://[::ffff:7f00:1]/', 'an IPv4 address in IPv6 form'],
    ['https://[::ffff:10.0.0.1]/', 'an IPv4 address in IPv6 form'],
    ['https://[::ffff:93.184.216.34]/', 'an IPv4 address in IPv6 form'],
    ['https://[::ffff:0:127.0.0.1]/', 'an IPv4 address in IPv6 form'],
    ['https://[::127.0.0.1]/', 'reserved'],
    ['https://[64:ff9b::7f00:1]/', 'NAT64'],
    ['https://[64:ff9b::169.254.169.254]/', 'NAT64'],
    ['https://[64:ff9b:1::10.0.0.1]/', 'NAT64'],
    ['https://[2002:7f00:1::]/', '6to4'],
    ['https://[2002:a00:1::1]/', '6to4'],
    ['https://[2001:0:4136:e378:8000:63bf:3fff:fdd2]/', 'Teredo'],
    // not routed at all
    ['https://[4000::1]/', 'reserved'],
    ['https://[::2]/', 'reserved'],
    ['https://[1::1]/', 'reserved'],
  ])('%s is %s', async (url, range) => {
    expect(await refusal(url)).toMatch(new RegExp(`(is|which is) ${range}\\.$`));
  });

  it.each([
    'https://93.184.216.34/hook',
    'https://1.1.1.1',
    'https://172.15.255.255/',
    'https://172.32.0.1/',
    'https://100.63.255.255/',
    'https://100.128.0.1/',
    'https://169.253.255.255/',
    'https://192.167.255.255/',
    'https://223.255.255.255/',
    'https://[2606:4700:4700::1111]/',
    'https://[2a00:1450:4001::1]/',
  ])('%s is of the public internet', async (url) => {
    expect(await refusal(url)).toBeNull();
  });
});

describe('a URL with a name', () => {
  it.each([
    ['https://public.example/hook?token=x', null],
    ['https://unknown.example/', null], // may be known when it is called
    ['https://internal.example/', 'https://internal.example/ leads to 10.0.0.5, which is private.'],
    ['https://mixed.example/', 'https://mixed.example/ leads to 127.0.0.1, which is loopback.'],
    ['https://mixed6.example/', 'https://mixed6.example/ leads to ::1, which is loopback.'],
    ['https://mapped.example/', 'https://mapped.example/ leads to ::ffff:93.184.216.34, which is an IPv4 address in IPv6 form.'],
    ['https://metadata.example/', 'https://metadata.example/ leads to 169.254.169.254, which is link-local.'],
    ['https://localhost/hook', 'https://localhost/hook leads to 127.0.0.1, which is loopback.'],
    ['https://LOCALHOST/', 'https://localhost/ leads to 127.0.0.1, which is loopback.'],
    ['https://localhost./', 'https://localhost./ leads to 127.0.0.1, which is loopback.'],
  ])('%s: %s', async (url, message) => {
    expect(await refusal(url)).toBe(message);
  });
});

describe('a URL', () => {
  it.each([
    ['not a url', '"not a url" is no URL.'],
    ['', '"" is no URL.'],
    ['//public.example/', '"//public.example/" is no URL.'],
    ['https://', '"https://" is no URL.'],
    ['https://127.0.0.256/', '"https://127.0.0.256/" is no URL.'],
    ['ftp://public.example/', 'ftp://public.example/ is not https.'],
    ['file:///etc/passwd', 'file:///etc/passwd is not https.'],
    ['gopher://127.0.0.1:6379/_FLUSHALL', 'gopher://127.0.0.1:6379/_FLUSHALL is not https.'],
    ['javascript:alert(1)', 'javascript://alert(1) is not https.'],
    ['http://public.example/', 'http://public.example/ is not https.'],
    ['https://user:secret@public.example/', 'https://public.example/ carries a user name or password.'],
    ['https://user@public.example/', 'https://public.example/ carries a user name or password.'],
    ['https://public.example@127.0.0.1/', 'https://127.0.0.1/ carries a user name or password.'],
    ['https://public.example:22/', 'https://public.example:22/ uses port 22; allowed are 80, 443.'],
    ['https://public.example:8443/', 'https://public.example:8443/ uses port 8443; allowed are 80, 443.'],
  ])('%s is refused: %s', async (url, message) => {
    expect(await refusal(url)).toBe(message);
  });

  it('is refused by fetch for the same reasons, before anything is sent', async () => {
    const egress = egressWith();
    const call = (url: string) => egress.fetch(url, { timeoutMs: 1_000, maxBytes: 10, blockedCode: 'input_url_blocked' });
    await expect(call('https://[::1]/')).rejects.toMatchObject({ code: 'input_url_blocked', message: 'https://[::1]/ is loopback.' });
    await expect(call('https://mixed.example/a')).rejects.toMatchObject({
      message: 'https://mixed.example/a leads to 127.0.0.1, which is loopback.',
    });
    await expect(call('http://public.example/')).rejects.toMatchObject({
      code: 'input_url_blocked',
      message: 'http://public.example/ is not https.',
    });
    await expect(call('https://unknown.example/?token=x')).rejects.toThrow(
      'https://unknown.example/ could not be reached: getaddrinfo ENOTFOUND',
    );
    await egress.close();
  });
});

describe('exemptions', () => {
  it('let private addresses be called, over http and on any port', async () => {
    const config = { EGRESS_ALLOW_CIDRS: ['10.0.0.0/8', '::1/128'] };
    expect(await refusal('http://10.1.2.3:8080/', config)).toBeNull();
    expect(await refusal('http://internal.example:9999/', config)).toBeNull();
    expect(await refusal('http://[::1]:3000/', config)).toBeNull();
    expect(await refusal('https://192.168.0.1/', config)).toMatch('private');
    expect(await refusal('http://localhost/', config)).toMatch('127.0.0.1, which is loopback'); // the other of its addresses
    expect(await refusal('http://public.example/', config)).toMatch('is not https');
  });

  it('of one address hold for its port only', async () => {
    const config = { EGRESS_ALLOW_ADDRESSES: ['127.0.0.1:4100', '[::1]:4100'] };
    expect(await refusal('http://127.0.0.1:4100/webhooks', config)).toBeNull();
    expect(await refusal('http://localhost:4100/webhooks', config)).toBeNull();
    expect(await refusal('http://127.0.0.1:4101/', config)).toMatch('loopback');
    expect(await refusal('http://127.0.0.2:4100/', config)).toMatch('loopback');
  });

  it('of ports hold for public addresses', async () => {
    expect(await refusal('https://public.example:8443/', { EGRESS_ALLOW_PORTS: [8443] })).toBeNull();
    expect(await refusal('https://127.0.0.1:8443/', { EGRESS_ALLOW_PORTS: [8443] })).toMatch('loopback');
  });

  it.each([
    [{ EGRESS_ALLOW_CIDRS: ['10.0.0.0'] }, '"10.0.0.0" is no network'],
    [{ EGRESS_ALLOW_CIDRS: ['10.0.0.0/40'] }, 'is no network'],
    [{ EGRESS_ALLOW_ADDRESSES: ['localhost:80'] }, '"localhost:80" is no address with a port'],
    [{ EGRESS_ALLOW_ADDRESSES: ['127.0.0.1'] }, 'is no address with a port'],
  ])('%j stop the start', (config, message) => {
    expect(() => egressWith(config)).toThrow(message);
  });
});

it('what is no address at all is not of the public internet', () => {
  expect(specialRange('fe80::1%eth0')).not.toBeNull();
  expect(specialRange('nonsense')).toBe('no IP address');
});
