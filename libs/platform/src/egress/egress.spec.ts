/** The guard against every spelling of an address that is not the public internet's. No packet leaves: names are resolved by a table. */
import { LikenessError } from '@likeness/contracts';
import { describe, expect, it } from 'vitest';
import { specialRange } from './address.ts';
import { createEgress, type EgressConfig } from './index.ts';
import { gated } from './resolve.ts';

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

/** What it is, how it may be written, and the range that the refusal names. */
const refused: readonly (readonly [string, string, string])[] = [
  // loopback, in every spelling that a URL parser takes
  ['loopback', '127.0.0.1', 'loopback'],
  ['loopback, not .0.0.1', '127.34.56.78', 'loopback'],
  ['loopback, the last one', '127.255.255.254', 'loopback'],
  ['loopback in two parts', '127.1', 'loopback'],
  ['loopback in three parts', '127.0.1', 'loopback'],
  ['loopback as one decimal number', '2130706433', 'loopback'],
  ['loopback as one hexadecimal number', '0x7f000001', 'loopback'],
  ['loopback as one octal number', '017700000001', 'loopback'],
  ['loopback with a hexadecimal part', '0x7f.0.0.1', 'loopback'],
  ['loopback in upper-case hexadecimal parts', '0X7F.0X0.0X0.0X1', 'loopback'],
  ['loopback with an octal part', '0177.0.0.1', 'loopback'],
  ['loopback with octal parts and leading zeros', '0177.0000.0000.0001', 'loopback'],
  ['loopback in octal, decimal and hexadecimal', '0177.0.0x1', 'loopback'],
  ['loopback with a trailing dot', '127.0.0.1.', 'loopback'],
  ['loopback as a number with a trailing dot', '2130706433.', 'loopback'],
  ['loopback with percent-encoded digits', '%31%32%37.0.0.1', 'loopback'],
  ['loopback with percent-encoded dots', '127%2e0%2e0%2e1', 'loopback'],
  ['loopback in full-width digits', '１２７.０.０.１', 'loopback'],
  ['loopback in circled digits', '①②⑦.⓪.⓪.①', 'loopback'],
  ['loopback with ideographic full stops', '127。0。0。1', 'loopback'],
  ['loopback with a soft hyphen', '127.0.0.\u00ad1', 'loopback'],
  ['IPv6 loopback', '[::1]', 'loopback'],
  ['IPv6 loopback, written out', '[0:0:0:0:0:0:0:1]', 'loopback'],
  ['IPv6 loopback with leading zeros', '[0000:0000::0001]', 'loopback'],
  ['IPv6 loopback with a dotted tail', '[::0.0.0.1]', 'loopback'],
  // this host
  ['the unspecified address', '0.0.0.0', 'the unspecified network'],
  ['the unspecified address as a number', '0', 'the unspecified network'],
  ['the unspecified address in hexadecimal', '0x0', 'the unspecified network'],
  ['this network', '0.1.2.3', 'the unspecified network'],
  ['the unspecified IPv6 address', '[::]', 'the unspecified network'],
  // private
  ['private class A', '10.0.0.1', 'private'],
  ['private class A, the last one', '10.255.255.255', 'private'],
  ['private class A as a decimal number', '167772161', 'private'],
  ['private class A with an octal part', '012.0.0.1', 'private'],
  ['private class B', '172.16.0.1', 'private'],
  ['private class B, the last one', '172.31.255.255', 'private'],
  ['private class C', '192.168.0.1', 'private'],
  ['private class C as a hexadecimal number', '0xc0a80001', 'private'],
  ['private class C in three parts', '192.168.257', 'private'],
  ['IPv6 unique local, never assigned half', '[fc00::1]', 'unique local'],
  ['IPv6 unique local', '[fd12:3456:789a::1]', 'unique local'],
  ['IPv6 unique local: the metadata service of AWS', '[fd00:ec2::254]', 'unique local'],
  // link-local and other places where clouds keep their credentials
  ['the metadata service of most clouds', '169.254.169.254', 'link-local'],
  ['the metadata service as a decimal number', '2852039166', 'link-local'],
  ['the metadata service as a hexadecimal number', '0xa9fea9fe', 'link-local'],
  ['the metadata service in octal parts', '0251.0376.0251.0376', 'link-local'],
  ['the credentials of AWS containers', '169.254.170.2', 'link-local'],
  ['the metadata service of Alibaba', '100.100.100.200', 'carrier-grade NAT'],
  ['the metadata service of Oracle', '192.0.0.192', 'reserved'],
  ['the platform address of Azure', '168.63.129.16', 'the platform of a cloud'],
  ['IPv6 link-local', '[fe80::1]', 'link-local'],
  ['IPv6 link-local, the end of the range', '[febf:ffff::1]', 'link-local'],
  ['IPv6 site-local, deprecated', '[fec0::1]', 'site-local'],
  // carriers, benchmarks, documentation, protocols
  ['carrier-grade NAT', '100.64.0.1', 'carrier-grade NAT'],
  ['carrier-grade NAT, the last one', '100.127.255.255', 'carrier-grade NAT'],
  ['protocol assignments', '192.0.0.1', 'reserved'],
  ['benchmarking', '198.18.0.1', 'benchmarking'],
  ['benchmarking, the last one', '198.19.255.255', 'benchmarking'],
  ['IPv6 benchmarking', '[2001:2::1]', 'benchmarking'],
  ['documentation 1', '192.0.2.1', 'documentation'],
  ['documentation 2', '198.51.100.1', 'documentation'],
  ['documentation 3', '203.0.113.1', 'documentation'],
  ['IPv6 documentation', '[2001:db8::1]', 'documentation'],
  ['IPv6 documentation, the newer range', '[3fff::1]', 'documentation'],
  ['the anycast address of 6to4 relays', '192.88.99.1', '6to4'],
  ['AS112', '192.175.48.1', 'as112'],
  ['automatic multicast tunnelling', '192.52.193.1', 'amt'],
  ['IPv6 discard', '[100::1]', 'discard'],
  ['IPv6 segment routing', '[5f00::1]', 'segmentRouting'],
  // multicast, broadcast, class E
  ['multicast', '224.0.0.1', 'multicast'],
  ['multicast, the last one', '239.255.255.255', 'multicast'],
  ['class E', '240.0.0.1', 'reserved'],
  ['broadcast', '255.255.255.255', 'broadcast'],
  ['IPv6 multicast', '[ff02::1]', 'multicast'],
  // IPv4 inside IPv6: public or not, it is a way around
  ['IPv4-mapped loopback', '[::ffff:127.0.0.1]', 'an IPv4 address in IPv6 form'],
  ['IPv4-mapped loopback in hexadecimal', '[::ffff:7f00:1]', 'an IPv4 address in IPv6 form'],
  ['IPv4-mapped loopback, written out', '[0:0:0:0:0:ffff:127.0.0.1]', 'an IPv4 address in IPv6 form'],
  ['IPv4-mapped private', '[::ffff:10.0.0.1]', 'an IPv4 address in IPv6 form'],
  ['IPv4-mapped metadata service', '[::ffff:a9fe:a9fe]', 'an IPv4 address in IPv6 form'],
  ['IPv4-mapped public', '[::ffff:93.184.216.34]', 'an IPv4 address in IPv6 form'],
  ['IPv4-translated loopback', '[::ffff:0:127.0.0.1]', 'an IPv4 address in IPv6 form'],
  ['IPv4-compatible loopback', '[::127.0.0.1]', 'an IPv4 address in IPv6 form'],
  ['IPv4-compatible public', '[::5db8:d822]', 'an IPv4 address in IPv6 form'],
  ['NAT64 of loopback', '[64:ff9b::7f00:1]', 'NAT64'],
  ['NAT64 of the metadata service', '[64:ff9b::169.254.169.254]', 'NAT64'],
  ['NAT64 of a public address', '[64:ff9b::93.184.216.34]', 'NAT64'],
  ['NAT64 for local use', '[64:ff9b:1::10.0.0.1]', 'NAT64'],
  ['NAT64 for local use, the end of the range', '[64:ff9b:1:ffff:ffff:ffff:7f00:1]', 'NAT64'],
  ['6to4 of loopback', '[2002:7f00:1::]', '6to4'],
  ['6to4 of private', '[2002:a00:1::1]', '6to4'],
  ['Teredo', '[2001:0:4136:e378:8000:63bf:3fff:fdd2]', 'Teredo'],
  // not routed at all
  ['IPv6 that is not assigned', '[4000::1]', 'reserved'],
  ['IPv6 below the assigned', '[1::1]', 'reserved'],
  ['IPv6 that hides an IPv4 address in its interface', '[fe80::5efe:10.0.0.1]', 'link-local'],
];

describe('a URL with an address', () => {
  const egress = egressWith();

  it.each(refused)('%s: https://%s/ is %s', async (_what, host, range) => {
    expect(await refusal(`https://${host}/latest/meta-data/`)).toMatch(new RegExp(`(is|which is) ${range}\\.$`));
  });

  it.each(refused)('%s is not fetched as a picture either', async (_what, host, range) => {
    const call = egress.fetch(`https://${host}/a.jpg`, { timeoutMs: 1_000, maxBytes: 10, blockedCode: 'input_url_blocked' });
    await expect(call).rejects.toMatchObject({
      code: 'input_url_blocked',
      message: expect.stringMatching(`(is|which is) ${range}\\.$`) as string,
    });
  });

  it.each(refused)('%s is refused as an answer of a name server', async (_what, host, range) => {
    const address = new URL(`https://${host}/`).hostname.replace(/^\[(.*)\]$/, '$1');
    const one = createEgress(nothing, { resolve: async () => ['93.184.216.34', address] });
    await expect(one.check('https://name.example/', 'webhook_url_blocked')).rejects.toThrow(`leads to ${address}, which is ${range}`);
  });

  it('is refused in so many forms that none was forgotten', () => {
    expect(new Set(refused.map(([, host]) => host)).size).toBe(refused.length);
    expect(refused.length).toBeGreaterThanOrEqual(60);
  });

  it.each([
    ['a public address', '93.184.216.34'],
    ['a name server', '1.1.1.1'],
    ['below private class B', '172.15.255.255'],
    ['above private class B', '172.32.0.1'],
    ['below carrier-grade NAT', '100.63.255.255'],
    ['above carrier-grade NAT', '100.128.0.1'],
    ['below link-local', '169.253.255.255'],
    ['below private class C', '192.167.255.255'],
    ['beside the platform of Azure', '168.63.129.17'],
    ['below multicast', '223.255.255.255'],
    ['public, as a decimal number', '1572395042'],
    ['a name server over IPv6', '[2606:4700:4700::1111]'],
    ['a public IPv6 address', '[2a00:1450:4001::1]'],
    ['above Teredo', '[2001:200::1]'],
  ])('%s: https://%s/ is of the public internet', async (_what, host) => {
    expect(await refusal(`https://${host}/`)).toBeNull();
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

describe('the system’s names', () => {
  it('are asked for two at a time, and each once at a time', async () => {
    const asked: string[] = [];
    const answers = new Map<string, PromiseWithResolvers<string[]>>();
    const ask = gated((host) => {
      asked.push(host);
      const answer = Promise.withResolvers<string[]>();
      answers.set(host, answer);
      return answer.promise;
    }, 2);
    const [a, again, b, c] = [ask('a'), ask('a'), ask('b'), ask('c')];
    expect(asked).toEqual(['a', 'b']);
    answers.get('a')?.resolve(['1.1.1.1']);
    expect([await a, await again]).toEqual([['1.1.1.1'], ['1.1.1.1']]);
    expect(asked).toEqual(['a', 'b', 'c']);
    answers.get('b')?.reject(new Error('none'));
    await expect(b).rejects.toThrow('none');
    answers.get('c')?.resolve([]);
    expect(await c).toEqual([]);
    const later = ask('a'); // is asked for anew: it may have moved
    expect(asked).toEqual(['a', 'b', 'c', 'a']);
    answers.get('a')?.resolve(['2.2.2.2']);
    expect(await later).toEqual(['2.2.2.2']);
  });
});

it('what is no address at all is not of the public internet', () => {
  expect(specialRange('fe80::1%eth0')).not.toBeNull();
  expect(specialRange('nonsense')).toBe('no IP address');
});
