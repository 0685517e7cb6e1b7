/**
 * SQL as a template: every value becomes a parameter, a nested `sql` is spliced in. Nothing is ever pasted into the text.
 *
 *   sql`SELECT * FROM stage WHERE id = ${id} ${condition ? sql`AND status = ${status}` : empty}`
 */
export class Sql {
  readonly strings: readonly string[];
  readonly values: readonly unknown[];

  constructor(strings: readonly string[], values: readonly unknown[]) {
    this.strings = strings;
    this.values = values;
  }

  /** The statement as node-postgres wants it. */
  get query(): { text: string; values: unknown[] } {
    return { text: this.strings.reduce((text, part, i) => `${text}$${i}${part}`), values: [...this.values] };
  }
}

class Json {
  readonly value: unknown;

  constructor(value: unknown) {
    this.value = value;
  }

  toPostgres(): string | null {
    return this.value === null || this.value === undefined ? null : JSON.stringify(this.value);
  }
}

/** A value for a `json` or `jsonb` parameter; null is NULL. Without it an array would go as a Postgres array. */
export const json = (value: unknown): unknown => new Json(value);

export function sql(strings: TemplateStringsArray, ...values: unknown[]): Sql {
  const parts: string[] = [strings[0] ?? ''];
  const parameters: unknown[] = [];
  const append = (text: string) => parts.push((parts.pop() ?? '') + text);
  values.forEach((value, i) => {
    if (value instanceof Sql) {
      append(value.strings[0] ?? '');
      value.values.forEach((inner, j) => {
        parameters.push(inner);
        parts.push(value.strings[j + 1] ?? '');
      });
    } else {
      parameters.push(checkValue(value, parameters.length + 1));
      parts.push('');
    }
    append(strings[i + 1] ?? '');
  });
  return new Sql(parts, parameters);
}

/** What node-postgres would send as something else than was meant: nothing as NULL, an object as its JSON. */
function checkValue(value: unknown, position: number): unknown {
  if (value === undefined) throw new TypeError(`the value of $${position} is undefined; NULL is written as null`);
  const isPlain = typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;
  if (isPlain) throw new TypeError(`the value of $${position} is an object; JSON is written as json(value)`);
  return value;
}

export const empty: Sql = sql``;

/** Puts fragments one after another. The separator is SQL of the program's own. */
export function join(parts: readonly Sql[], separator = ', '): Sql {
  const [first = empty, ...rest] = parts;
  const between = new Sql([separator], []);
  return rest.reduce((joined, part) => sql`${joined}${between}${part}`, first);
}
