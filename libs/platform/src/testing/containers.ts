/** Servers in containers, for TEST_INFRA=containers: the same suites on the images that installations use. */
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../config/free-port.ts';
import type { TestServer } from './servers.ts';

export const inContainers = process.env.TEST_INFRA === 'containers';

export const images = {
  postgres: process.env.POSTGRES_IMAGE ?? 'postgres:18',
  redis: process.env.REDIS_IMAGE ?? 'redis:8',
  s3: process.env.MINIO_IMAGE ?? 'pgsty/silo:latest',
};

export interface ContainerOptions {
  readonly image: string;
  /** That the server listens on, inside. */
  readonly port: number;
  readonly command: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly urlOf: (port: number) => string;
}

/** What it has written stays over `kill` and `start`. */
export async function startContainer({ image, port: inside, command, environment = {}, urlOf }: ContainerOptions): Promise<TestServer> {
  const { GenericContainer, getContainerRuntimeClient, Wait } = await import('testcontainers');
  const port = await freePort();
  const started = await new GenericContainer(image)
    .withExposedPorts({ container: inside, host: port })
    .withCommand([...command])
    .withEnvironment(environment)
    .withWaitStrategy(Wait.forListeningPorts())
    .start();
  const container = (await getContainerRuntimeClient()).container.getById(started.getId());
  return {
    url: urlOf(port),
    kill: () => container.kill(),
    start: async () => {
      await container.start();
      await untilServing(port, image);
    },
    stop: async () => void (await started.stop()),
  };
}

/** The engine itself accepts connections for a container, and closes them while nobody listens inside. */
async function untilServing(port: number, image: string): Promise<void> {
  for (const deadline = Date.now() + 30_000; Date.now() < deadline; await sleep(20)) if (await staysOpen(port)) return;
  throw new Error(`${image} did not listen again within 30 s`);
}

const staysOpen = (port: number): Promise<boolean> =>
  new Promise((done) => {
    const socket = connect(port, '127.0.0.1');
    const end = (open: boolean) => {
      socket.destroy();
      done(open);
    };
    socket.once('connect', () => setTimeout(() => end(true), 100));
    socket.once('close', () => end(false)).once('error', () => end(false));
  });
