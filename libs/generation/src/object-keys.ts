/**
 * Where objects lie. Everything of a subject lies below one prefix, so that erasing it is listing that prefix; what its generations may
 * share lies beside them, so that it outlives each of them.
 */
import { flow } from './flow.ts';
import type { ClaimedStage } from './generation.ts';

export const subjectPrefix = (tenantId: string, subjectId: string): string => `t/${tenantId}/subjects/${subjectId}/`;

interface Owner {
  readonly id: string;
  readonly tenant_id: string;
  readonly subject_id: string | null;
}

/** Of what is a generation's alone. */
export const generationPrefix = ({ id, tenant_id, subject_id }: Owner): string =>
  subject_id === null ? `t/${tenant_id}/${id}/` : `${subjectPrefix(tenant_id, subject_id)}${id}/`;

export function artifactKey(stage: ClaimedStage, name: string, index: number): string {
  const { generation_id, tenant_id, subject_id, attempt } = stage;
  const shared = subject_id !== null && flow[stage.name].reusable;
  const prefix = shared
    ? `${subjectPrefix(tenant_id, subject_id)}cache/${generation_id}/`
    : generationPrefix({ id: generation_id, tenant_id, subject_id });
  return `${prefix}${stage.name}/${attempt}/${name}-${index}`;
}
