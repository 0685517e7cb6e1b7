import { createSession, type Session } from '@likeness/inference';
import { exportGraph } from '@likeness/models';

export interface LoadOptions {
  /** Where converted weights are kept; without it they go into the graph. */
  readonly weightsFolder?: string | undefined;
  readonly threads?: number | undefined;
}

/** A network that the pipeline has no use for, on the CPU. */
export async function loadNetwork(graph: Parameters<typeof exportGraph>[0], { weightsFolder, threads }: LoadOptions): Promise<Session> {
  const { bytes, externalFolder } = exportGraph(graph, { weightsFolder });
  return createSession({
    name: graph.name,
    bytes,
    ...(externalFolder !== undefined && { folder: externalFolder }),
    ...(threads !== undefined && { threads }),
  });
}
