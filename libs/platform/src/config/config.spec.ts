import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { commonVariables, ConfigError, describeVariables, flag, loadConfig, variable } from './index.ts';

const schema = z.object({
  ...commonVariables,
  PORT: variable(z.coerce.number().int().min(0).max(65_535), { description: 'the port' }),
  SIGNING_SECRET: variable(z.string().min(32), { description: 'signs links', secret: true }),
  PUBLIC: variable(flag.default(false), { description: 'whether everybody may' }),
});
const good = {
  DATABASE_URL: 'postgres://u:p@h/d',
  OBJECT_STORE_URL: 'file:///objects',
  DATA_KEY_SECRET: 'y'.repeat(32),
  PORT: '4000',
  SIGNING_SECRET: 'x'.repeat(32),
};

describe('the environment', () => {
  it('is parsed into values with their defaults; what is empty counts as absent', () => {
    expect(
      loadConfig(schema, {
        ...good,
        REDIS_URL: '',
        PUBLIC: 'true',
        EGRESS_ALLOW_CIDRS: '10.0.0.0/8, fd00::/8',
        EGRESS_ALLOW_PORTS: '8080,8443',
        HOME: '/x',
      }),
    ).toEqual({
      DATABASE_URL: 'postgres://u:p@h/d',
      OBJECT_STORE_URL: 'file:///objects',
      DATA_KEY_SECRET: 'y'.repeat(32),
      PORT: 4000,
      SIGNING_SECRET: 'x'.repeat(32),
      PUBLIC: true,
      LOG_LEVEL: 'info',
      EGRESS_ALLOW_CIDRS: ['10.0.0.0/8', 'fd00::/8'],
      EGRESS_ALLOW_ADDRESSES: [],
      EGRESS_ALLOW_PORTS: [8080, 8443],
      HEALTH_HOST: '127.0.0.1',
      HEALTH_PORT: 0,
      DEFAULT_PACK: 'sketch',
    });
  });

  it.each([
    ['SIGNING_SECRET', 'change-me-change-me-change-me-change-me'],
    ['SIGNING_SECRET', 'x'.repeat(32)],
    ['DATA_KEY_SECRET', '<32 random characters or more, please>'],
    ['DATABASE_URL', 'postgres://postgres:postgres@db/likeness'],
    ['REDIS_URL', 'redis://:redis@queue:6379'],
    ['OBJECT_STORE_URL', 's3://minioadmin:minioadmin@objects:9000/likeness?ssl=false'],
  ])('in production is refused with a %s that everybody knows', (name, value) => {
    const random = {
      ...good,
      DATABASE_URL: 'postgres://u:9f86d081884c@h/d',
      SIGNING_SECRET: '3f0c9a52b1e64d7788aa90c1d2e3f4a5',
      DATA_KEY_SECRET: 'b1946ac92492d2347c6235b4d2611184',
    };
    const inProduction = { ...random, NODE_ENV: 'production' };
    expect(() => loadConfig(schema, inProduction)).not.toThrow();
    expect(() => loadConfig(schema, { ...inProduction, [name]: value })).toThrow(`  ${name} has a secret that everybody knows`);
    expect(() => loadConfig(schema, { ...inProduction, [name]: value })).not.toThrow(value);
    expect(() => loadConfig(schema, { ...random, [name]: value })).not.toThrow();
  });

  it('is refused with every variable that is missing or wrong, and without a secret', () => {
    const load = () =>
      loadConfig(schema, {
        DATABASE_URL: 'mysql://u:hidden@h/d',
        OBJECT_STORE_URL: 'file:///o',
        PORT: '70000',
        PUBLIC: 'yes',
        EGRESS_ALLOW_PORTS: '80,x',
      });
    expect(load).toThrow(ConfigError);
    let message = '';
    try {
      load();
    } catch (error) {
      message = String(error);
    }
    expect(message).toMatch(/DATABASE_URL has a value that is not allowed/);
    expect(message).toMatch(/PORT is "70000": .*65535.* \(the port\)/);
    expect(message).toMatch(/SIGNING_SECRET is not set: .* \(signs links\)/);
    expect(message).toMatch(/PUBLIC is "yes"/);
    expect(message).toMatch(/EGRESS_ALLOW_PORTS is "80,x"/);
    expect(message).not.toContain('hidden');
  });

  it('is described with defaults, for the documentation', () => {
    const rows = describeVariables(schema);
    expect(rows).toContainEqual({ name: 'LOG_LEVEL', description: 'how much is logged', secret: false, fallback: 'info' });
    expect(rows).toContainEqual({ name: 'SIGNING_SECRET', description: 'signs links', secret: true, fallback: undefined });
    expect(rows.every(({ description }) => description !== '')).toBe(true);
  });
});
