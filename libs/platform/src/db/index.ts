export { openDb, one, many, exec, type Db, type DbOptions } from './db.ts';
export { inBatches } from './in-batches.ts';
export { tryAdvisoryLock } from './advisory-lock.ts';
export { sql, json, join, empty, Sql } from './sql.ts';
export { listen, type Listener, type ListenOptions } from './listen.ts';
export { migrate, MigrationError } from './migrate.ts';
export { startEmbeddedPostgres, type EmbeddedPostgres } from './embedded-postgres.ts';
export { testDatabase, type TestDatabase } from './testing/test-database.ts';
