/** Host names to addresses. */
import { lookup } from 'node:dns/promises';

/** All addresses of a host name. */
export type Resolver = (host: string) => Promise<readonly string[]>;

/** As the machine does it, with /etc/hosts and all. */
const askSystem: Resolver = async (host) => (await lookup(host, { all: true })).map(({ address }) => address);

/**
 * The system's answer occupies one of Node's four threads, which files and other connections need too, and a stranger's name server may
 * take as long as it likes over it. So at most two names are asked for at once, and each only once at a time.
 */
export const resolveWithSystem = (): Resolver => gated(askSystem, 2);

export function gated(resolve: Resolver, atOnce: number): Resolver {
  const asked = new Map<string, Promise<readonly string[]>>();
  const waiting: (() => void)[] = [];
  let free = atOnce;
  const inTurn: Resolver = async (host) => {
    if (free > 0) free--;
    else await new Promise<void>((go) => waiting.push(go));
    try {
      return await resolve(host);
    } finally {
      const next = waiting.shift();
      if (next) next();
      else free++;
    }
  };
  return (host) => {
    const known = asked.get(host);
    if (known) return known;
    const answer = inTurn(host).finally(() => asked.delete(host));
    asked.set(host, answer);
    return answer;
  };
}
