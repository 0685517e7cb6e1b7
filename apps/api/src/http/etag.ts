/** Whether an `If-None-Match` header names this entity tag (given without its quotes). */
export function matchesETag(header: string | undefined, tag: string): boolean {
  return (header ?? '').split(',').some((part) => ['*', `"${tag}"`].includes(part.trim().replace(/^W\//, '')));
}
