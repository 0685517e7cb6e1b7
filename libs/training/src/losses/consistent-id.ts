/** What ConsistentID is trained for: JackAILab/ConsistentID e234008, train.py, ConsistentID.forward. */
import { op, type Scope, type Tensor } from '@likeness/graph';
import {
  architectures,
  type AdapterConfig,
  type FacialEncoderConfig,
  type IdentityProjectionConfig,
  type UNetConfig,
} from '@likeness/models';
import { TrainingError } from '../errors.ts';
import { localizationLoss } from './localization-loss.ts';
import { noiseLoss } from './noise-loss.ts';

/** Where the weights of each network stand. */
export interface ConsistentIdScopes {
  readonly unet: Scope;
  /** `adapter_modules` */
  readonly adapter: Scope;
  /** `FacialEncoder` */
  readonly facialEncoder: Scope;
  /** `image_proj_model` */
  readonly projection: Scope;
}

export interface ConsistentIdConfig {
  readonly unet: UNetConfig;
  /** `scale`: weight of the attention over the identity tokens. */
  readonly adapter: AdapterConfig & { readonly scale: number };
  readonly facial_encoder: FacialEncoderConfig;
  readonly identity_projection: IdentityProjectionConfig;
  /** Weight of the localisation loss; with 0 it is not formed. */
  readonly facial_weight: number;
  /** Whether attention maps are divided by their largest value. */
  readonly normalize: boolean;
  /** Attentions of the UNet whose maps are held to the regions: `….attn2` (the paper), or `….attn1`, where the token index picks a key pixel (the repository). */
  readonly layers: readonly string[];
}

export interface ConsistentIdInputs {
  /** [B, C, h, w] */
  readonly noisyLatents: Tensor;
  /** float32 [B] */
  readonly timesteps: Tensor;
  /** What the UNet should answer, [B, C, h, w]: the noise, or whatever its prediction type says. */
  readonly target: Tensor;
  /** Of the frozen text encoder: [B, 77, C]. */
  readonly promptEmbeds: Tensor;
  /** Of the frozen image encoder: the whole picture [B, T, D], and each region [B, R, T, D]. */
  readonly imageEmbeds: Tensor;
  readonly regionEmbeds: Tensor;
  /** [B, F], of unit length. */
  readonly faceEmbeds: Tensor;
  /** bool [B, 77]: the tokens that speak of a region. */
  readonly tokenMask: Tensor;
  /** int64 [B, R], the same by place, and bool [B, R], whether there is one. */
  readonly tokenIndex: Tensor;
  readonly tokenPresent: Tensor;
  /** float32 [B, R, S, S] in 0…1 */
  readonly regionMasks: Tensor;
  /** float32 [B, 1, S, S]: the noise loss leaves out the background. */
  readonly foregroundMasks?: Tensor | undefined;
}

/** `noise`, `facial` (already times its weight) and their sum `total`, each []. */
export function consistentIdLoss(
  scopes: ConsistentIdScopes,
  inputs: ConsistentIdInputs,
  config: ConsistentIdConfig,
): Record<'noise' | 'facial' | 'total', Tensor> {
  const { graph } = inputs.noisyLatents;
  const { fused } = architectures.facialEncoder(
    scopes.facialEncoder,
    { text: inputs.promptEmbeds, features: inputs.regionEmbeds, marked: inputs.tokenMask, valid: inputs.tokenPresent },
    config.facial_encoder,
  );
  const identity = architectures.identityProjection(scopes.projection, inputs.faceEmbeds, inputs.imageEmbeds, config.identity_projection);

  const maps = new Map<string, Tensor>();
  const { sample } = architectures.unet(
    scopes.unet,
    { sample: inputs.noisyLatents, timestep: inputs.timesteps, encoderHiddenStates: op.concat([fused, identity], 1) },
    config.unet,
    { scope: scopes.adapter, config: config.adapter, scale: graph.floats([config.adapter.scale], [1]) },
    (attention, q, k, heads) => {
      if (config.layers.includes(attention)) maps.set(attention, op.attentionProbabilities(q, k, heads).probabilities);
    },
  );

  const noise = noiseLoss(sample, inputs.target, inputs.foregroundMasks);
  if (config.facial_weight === 0) return { noise, facial: graph.floats([0]), total: noise };
  const unknown = config.layers.find((layer) => !maps.has(layer));
  if (unknown !== undefined || maps.size === 0)
    throw new TrainingError('recipe_invalid', `layers: the UNet has no attention "${unknown ?? ''}".`, { layers: config.layers });
  const regions = { masks: inputs.regionMasks, tokens: inputs.tokenIndex, present: inputs.tokenPresent };
  const strayed = localizationLoss([...maps.values()], regions, config);
  const facial = op.mul(strayed, config.facial_weight);
  return { noise, facial, total: op.add(noise, facial) };
}
