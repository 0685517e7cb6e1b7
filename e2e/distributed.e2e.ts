import { createHash } from 'node:crypto';
import { afterAll, describe, expect, it } from 'vitest';
import { hasS3, redisServer, startRedis, startS3, type TestServer } from '@likeness/platform/testing';
import { useStack } from './stack.ts';

const JOBS = 12;

describe.runIf(redisServer !== undefined && hasS3)('the distributed profile: Redis, S3, two diffusion workers', () => {
  const servers: TestServer[] = [];
  let redis: TestServer;
  const fixture = useStack({ workers: { parsing: 1, embedding: 1, diffusion: 2 } }, async () => {
    redis = await startRedis();
    servers.push(redis, await startS3('likeness-e2e'));
    return { redisUrl: redis.url, s3Url: servers[1]?.url };
  });
  afterAll(() => Promise.all(servers.map((server) => server.stop())));

  it('loses nothing while Redis is killed, with all that it held, under a run of jobs', async () => {
    const { client, photo } = fixture();
    const upload = await client.upload(photo);
    const create = () => client.create({ reference_images: [upload.id], prompt: 'a person', steps: 6 });
    const first = await Promise.all(Array.from({ length: JOBS / 2 }, create));
    await redis.kill();
    const second = await Promise.all(Array.from({ length: JOBS / 2 }, create)); // accepted all the same
    await redis.start();

    for (const { id } of [...first, ...second]) {
      const done = await client.untilTerminal(id, 120_000);
      expect(done.status, JSON.stringify(done.error)).toBe('succeeded');
      const [artifact] = done.output ?? [];
      const bytes = Buffer.from(await (await fetch(artifact?.url ?? '')).arrayBuffer());
      expect(createHash('sha256').update(bytes).digest('hex')).toBe(artifact?.sha256);
    }
  });
});
