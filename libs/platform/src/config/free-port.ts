import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

/**
 * Below the ports that systems hand to whoever asks for any (from 32768 on Linux, 49152 elsewhere): one of those could be given to
 * another process between the moment in which it was found free and that in which it is used.
 */
const [FIRST, AFTER_LAST] = [20_000, 32_768];
const TRIES = 100;

/** A port of 127.0.0.1 on which nothing listens. @throws Error when there is none to be found */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < TRIES; tries++) {
    const port = randomInt(FIRST, AFTER_LAST);
    if (await isFree(port)) return port;
  }
  throw new Error(`no free port was found from ${FIRST} to ${AFTER_LAST - 1} in ${TRIES} tries`);
}

const isFree = (port: number): Promise<boolean> =>
  new Promise((done) => {
    const server = createServer().once('error', () => done(false));
    server.listen(port, '127.0.0.1', () => server.close(() => done(true)));
  });
