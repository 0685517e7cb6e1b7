import { setTimeout as sleep } from 'node:timers/promises';
import { createPostgresBackend, type PostgresConnection } from 'bullmq';

const LOOK_AGAIN_MS = 500;

/**
 * BullMQ on Postgres. Before its first statement it looks at its tables once; when that fails (the server is full or just starting) it
 * would remember the failure for as long as the process lives, and a worker would ask for it again and again without ever yielding to
 * the event loop. So the look is repeated here until it succeeds; who has called waits, and an `error` says why.
 */
export const createPatientBackend: typeof createPostgresBackend = (...args) => {
  const backend = createPostgresBackend(...args);
  const { connection } = backend as unknown as { readonly connection: PostgresConnection };
  const look = connection.waitUntilReady.bind(connection);
  connection.waitUntilReady = async () => {
    for (;;) {
      try {
        return await look();
      } catch (error) {
        Reflect.set(connection, 'readyPromise', undefined);
        if (Reflect.get(backend, 'closing') !== undefined) throw error;
        if (connection.listenerCount('error') > 0) connection.emit('error', error);
        await sleep(LOOK_AGAIN_MS);
      }
    }
  };
  return backend;
};
