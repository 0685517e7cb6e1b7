/** Paths that one process signs and another one serves. */
export const artifactPathOf = (id: string): string => `/v1/artifacts/${id}`;
