import { defineConfig } from 'prisma/config';

/** Only `prisma generate` is used by the project; `prisma migrate deploy` works on the same database when DATABASE_URL is set. */
export default defineConfig({ schema: 'prisma/schema.prisma', migrations: { path: 'prisma/migrations' } });
