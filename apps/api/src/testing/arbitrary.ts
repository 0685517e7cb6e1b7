/** Values for JSON schemas as the OpenAPI document has them: right ones, and ones that are wrong in one place or altogether. */
import fc from 'fast-check';

export interface Schema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly allOf?: readonly Schema[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean | Schema;
  readonly items?: Schema;
  readonly prefixItems?: readonly Schema[];
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly pattern?: string;
  readonly format?: string;
  readonly minimum?: number;
  readonly maximum?: number;
}

/** How the reference of a schema is found. */
export type Resolve = (ref: string) => Schema;

const text = fc.oneof(
  fc.string({ maxLength: 30 }),
  fc.string({ unit: 'binary', maxLength: 12 }),
  fc.constantFrom('', '\0', '\ud800', '💥', '../..', '%00', "'; --"),
);

/** Anything at all that JSON can say. */
export const anything: fc.Arbitrary<unknown> = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom<unknown>(null, true, 0, -1, 1e308, 2 ** 53, 0.1, [], {}, [[]], { constructor: 1 }) },
  { weight: 3, arbitrary: text },
  { weight: 1, arbitrary: fc.jsonValue({ maxDepth: 2 }) },
);

/** Mostly what the schema allows, as far as it says. */
export function valueOf(schema: Schema, resolve: Resolve, depth = 0): fc.Arbitrary<unknown> {
  if (schema.$ref !== undefined) return valueOf(resolve(schema.$ref), resolve, depth);
  if (schema.const !== undefined) return fc.constant(schema.const);
  if (schema.enum) return fc.constantFrom(...schema.enum);
  const choices = schema.anyOf ?? schema.oneOf;
  if (choices) return fc.oneof(...choices.map((choice) => valueOf(choice, resolve, depth)));
  if (schema.allOf) return valueOf(Object.assign({}, ...schema.allOf) as Schema, resolve, depth);
  if (Array.isArray(schema.type)) return fc.oneof(...schema.type.map((type: string) => valueOf({ ...schema, type }, resolve, depth)));
  switch (schema.type) {
    case 'object':
      return objectOf(schema, resolve, depth);
    case 'array':
      return fc.array(valueOf(schema.items ?? {}, resolve, depth + 1), {
        minLength: schema.minItems ?? 0,
        maxLength: Math.max(schema.minItems ?? 0, Math.min(schema.maxItems ?? 3, 3)),
      });
    case 'integer':
      return fc.integer({ min: Math.max(schema.minimum ?? -1e9, -1e9), max: Math.min(schema.maximum ?? 1e9, 1e9) });
    case 'number':
      return fc.double({ min: schema.minimum ?? -1e6, max: schema.maximum ?? 1e6, noNaN: true });
    case 'boolean':
      return fc.boolean();
    case 'null':
      return fc.constant(null);
    case 'string':
      return stringOf(schema);
    default:
      return anything;
  }
}

function stringOf({ pattern, format, minLength = 0, maxLength = 40 }: Schema): fc.Arbitrary<string> {
  if (format === 'date-time')
    return fc.date({ noInvalidDate: true, min: new Date(0), max: new Date('2099-01-01') }).map((date) => date.toISOString());
  if (format === 'date')
    return fc.date({ noInvalidDate: true, min: new Date(0), max: new Date('2099-01-01') }).map((date) => date.toISOString().slice(0, 10));
  if (format === 'uri') return fc.webUrl();
  if (pattern !== undefined) return fc.stringMatching(new RegExp(pattern.replaceAll(/\(\?=[^)]*\)/g, ''), 'u')); // it knows no lookahead
  return fc.string({ minLength, maxLength: Math.max(minLength, Math.min(maxLength, 40)) });
}

function objectOf(schema: Schema, resolve: Resolve, depth: number): fc.Arbitrary<unknown> {
  const { properties = {}, required = [], additionalProperties } = schema;
  const known = fc.record(Object.fromEntries(Object.entries(properties).map(([name, of]) => [name, valueOf(of, resolve, depth + 1)])), {
    requiredKeys: [...required],
  });
  if (typeof additionalProperties !== 'object') return known;
  return fc.dictionary(fc.string({ minLength: 1, maxLength: 8 }), valueOf(additionalProperties, resolve, depth + 1), { maxKeys: 3 });
}

/** A body: right, right but for one field, or anything. */
export function bodyOf(schema: Schema, resolve: Resolve): fc.Arbitrary<unknown> {
  const right = valueOf(schema, resolve);
  const spoiled = fc.tuple(right, fc.nat(), anything, fc.constantFrom('replace', 'remove', 'add')).map(([value, at, other, how]) => {
    if (typeof value !== 'object' || value === null) return other;
    const copy: Record<string, unknown> = { ...value };
    const name = Object.keys(copy)[at % Math.max(1, Object.keys(copy).length)] ?? 'name';
    if (how === 'remove') delete copy[name];
    else copy[how === 'add' ? 'surprise' : name] = other;
    return copy;
  });
  return fc.oneof({ weight: 3, arbitrary: right }, { weight: 4, arbitrary: spoiled }, { weight: 1, arbitrary: anything });
}
