/** Paths that one process signs and another one serves. */
export const artifactPathOf = (id: string): string => `/v1/artifacts/${id}`;
/** Below /v1/files/, because Replicate's client takes the outputs of such a stream for files. */
export const streamPathOf = (id: string): string => `/v1/files/streams/${id}`;
export const filePathOf = (id: string): string => `/v1/files/${id}`;
