import { describe, expect, it } from 'vitest';
import { empty, join, json, sql } from './index.ts';

describe('a statement', () => {
  it('has a parameter for every value and none of them in its text', () => {
    const name = `'; DROP TABLE tenant; --`;
    expect(sql`SELECT * FROM tenant WHERE name = ${name} AND id = ${'x'}`.query).toEqual({
      text: 'SELECT * FROM tenant WHERE name = $1 AND id = $2',
      values: [name, 'x'],
    });
    expect(sql`SELECT 1`.query).toEqual({ text: 'SELECT 1', values: [] });
  });

  it('takes other statements into itself, at any depth', () => {
    const inner = sql`b = ${2} ${sql`AND c = ${3}`}`;
    expect(sql`${1} ${inner} ${empty}${sql`AND d = ${4}`} ${5}`.query).toEqual({
      text: '$1 b = $2 AND c = $3 AND d = $4 $5',
      values: [1, 2, 3, 4, 5],
    });
  });

  it('joins fragments', () => {
    const rows = [1, 2, 3].map((n) => sql`(${n}, ${`n${n}`})`);
    expect(sql`VALUES ${join(rows)} ${0}`.query).toEqual({
      text: 'VALUES ($1, $2), ($3, $4), ($5, $6) $7',
      values: [1, 'n1', 2, 'n2', 3, 'n3', 0],
    });
    expect(join([sql`a = ${1}`, sql`b`], ' AND ').query).toEqual({ text: 'a = $1 AND b', values: [1] });
    expect(join([]).query).toEqual({ text: '', values: [] });
  });

  it('may be used again and again', () => {
    const part = sql`x = ${1}`;
    expect([sql`${part}`.query, sql`${part} OR ${part}`.query]).toEqual([
      { text: 'x = $1', values: [1] },
      { text: 'x = $1 OR x = $2', values: [1, 1] },
    ]);
  });

  it('refuses values that would be sent as something else', () => {
    expect(() => sql`SELECT ${1}, ${undefined}`).toThrow('the value of $2 is undefined; NULL is written as null');
    expect(() => sql`SELECT ${{ a: 1 }}`).toThrow('the value of $1 is an object; JSON is written as json(value)');
    expect(() => sql`SELECT ${json({ a: 1 })}, ${null}, ${new Date()}, ${Buffer.of(1)}, ${['a']}, ${1n}`).not.toThrow();
  });
});
