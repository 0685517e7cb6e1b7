/** The rows of the tables: what is left out or put in, as the pipeline's own options say it. */
import { facialRegions, type FacialRegion, type GenerationRequest, type IdentitySource } from '@likeness/pipeline';

export type ConditionGroup = 'method' | 'baseline' | 'parts' | 'regions' | 'merge_step' | 'packs';

export interface Condition {
  readonly id: string;
  readonly title: string;
  readonly group: ConditionGroup;
  readonly request?: Pick<GenerationRequest, 'mergeStep' | 'identityScale' | 'facialRegions'>;
  /** What the identity tokens rest on; default: the face and the picture. */
  readonly sources?: readonly IdentitySource[];
  /** Of another pack, where it is not the one that is evaluated. */
  readonly pack?: string;
}

export const method: Condition = { id: 'consistentid', title: 'ConsistentID', group: 'method' };

/** The fine-grained features enter after this step: never. */
const never = (steps: number) => ({ mergeStep: steps });

/** The same base and the same adapter, with less of the person: what each kind of baseline has. */
export const baselines = (steps: number): Condition[] => [
  { id: 'text-only', title: 'text only, no identity', group: 'baseline', request: { ...never(steps), identityScale: 0 } },
  { id: 'image-tokens', title: 'image tokens only, as IP-Adapter', group: 'baseline', request: never(steps), sources: ['picture'] },
  { id: 'face-id', title: 'face ID only', group: 'baseline', request: never(steps), sources: ['face'] },
];

export function ablations(steps: number): Condition[] {
  const all = Object.keys(facialRegions) as FacialRegion[];
  const fractions = [0, 0.2, 0.4, 0.6, 0.8, 1];
  const mergeSteps = [...new Set(fractions.map((part) => Math.round(part * steps)))];
  return [
    { id: 'overall-only', title: 'overall identity only', group: 'parts', request: never(steps) },
    { id: 'fine-grained-only', title: 'fine-grained features only', group: 'parts', request: { identityScale: 0 } },
    ...all.map((region): Condition => ({
      id: `without-${region}`,
      title: `without ${region}`,
      group: 'regions',
      request: { facialRegions: all.filter((name) => name !== region) },
    })),
    ...mergeSteps.map((step): Condition => ({
      id: `merge-step-${step}`,
      title: `merge step ${step} of ${steps}`,
      group: 'merge_step',
      request: { mergeStep: step },
    })),
  ];
}

/** The same request to another pack: trained without the facial loss, say, or with another adapter. */
export const otherPack = (pack: string): Condition => ({ id: `pack-${pack}`, title: `pack ${pack}`, group: 'packs', pack });
