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

/** A value for a `json` or `jsonb` parameter: node-postgres would send an array as a Postgres array. */
class Json {
  readonly value: unknown;

  constructor(value: unknown) {
    this.value = value;
  }

  toPostgres(): string {
    return JSON.stringify(this.value);
  }
}

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
      parameters.push(value);
      parts.push('');
    }
    append(strings[i + 1] ?? '');
  });
  return new Sql(parts, parameters);
}

export const empty: Sql = sql``;

export const join = (parts: readonly Sql[], separator = ', '): Sql =>
  parts.reduce((all, part, i) => (i === 0 ? part : new Sql([...glue(all, part, separator)], [...all.values, ...part.values])), empty);

function glue(left: Sql, right: Sql, separator: string): string[] {
  const last = left.strings.at(-1) ?? '';
  return [...left.strings.slice(0, -1), last + separator + (right.strings[0] ?? ''), ...right.strings.slice(1)];
}
