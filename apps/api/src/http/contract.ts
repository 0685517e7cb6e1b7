/** Requests against the contract's schemas: every refused field with its pointer, what is allowed, and what was sent. */
import type { PipeTransform } from '@nestjs/common';
import { LikenessError, preview, type FieldError } from '@likeness/contracts';
import type { z } from 'zod';

/** Where a value stands in the request; pointers are written accordingly. */
export type Place = 'body' | 'query' | 'header';

/** `@Body(contract(CreateUpload))`: parses, or throws `validation_failed` with every field that is wrong. */
export const contract = (schema: z.ZodType, place: Place = 'body'): PipeTransform => ({
  transform: (value: unknown) => parseContract(schema, value, place),
});

/** `silent`: a refusal does not repeat what was sent. For bodies in which clients are known to send their key by mistake. */
export function parseContract<T extends z.ZodType>(
  schema: T,
  value: unknown,
  place: Place = 'body',
  { silent = false }: { readonly silent?: boolean } = {},
): z.output<T> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const got = silent ? () => '' : (refused: unknown) => `; got ${preview(refused)}`;
  throw refused(parsed.error.issues.flatMap((issue) => fieldErrors(issue, value, place, got)));
}

/** @throws LikenessError `validation_failed` whose detail is the first field's, with the number of the others */
export function refused(fields: readonly FieldError[]): LikenessError {
  const [first] = fields;
  const more = fields.length > 1 ? ` (and ${fields.length - 1} more)` : '';
  return new LikenessError(
    'validation_failed',
    first ? `${first.pointer || 'the body'}: ${first.detail}${more}` : 'The request is not valid.',
    { fields },
  );
}

function fieldErrors(issue: z.core.$ZodIssue, root: unknown, place: Place, got: (refused: unknown) => string): FieldError[] {
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => {
      const path = [...issue.path, key];
      return { pointer: pointer(path, place), detail: `is not known${got(valueAt(root, path))}` };
    });
  }
  const value = valueAt(root, issue.path);
  return [
    {
      pointer: pointer(issue.path, place),
      detail: value === undefined ? `is required: ${issue.message}` : `${issue.message}${got(value)}`,
    },
  ];
}

const valueAt = (root: unknown, path: readonly PropertyKey[]): unknown =>
  path.reduce<unknown>((value, key) => (value as Record<PropertyKey, unknown> | null | undefined)?.[key], root);

/** JSON pointer (RFC 6901) in a body, `?name` in a query, `name:` for a header. */
function pointer(path: readonly PropertyKey[], place: Place): string {
  const keys = path.map((key) => String(key).replaceAll('~', '~0').replaceAll('/', '~1'));
  if (place === 'body') return keys.map((key) => `/${key}`).join('');
  return place === 'query' ? `?${keys.join('.')}` : `${keys.join('.')}:`;
}
