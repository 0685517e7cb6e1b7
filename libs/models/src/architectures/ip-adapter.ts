/**
 * Pictures and faces → image tokens, in the five ways of tencent-ailab/IP-Adapter 62e4af9: ip_adapter.ImageProjModel and
 * MLPProjModel, resampler.Resampler, ip_adapter_faceid.MLPProjModel and ProjPlusModel.
 */
import { op, type Scope, type Tensor } from '@likeness/graph';
import { layerNorm, linear } from '../layers/basic.ts';
import { queryResampler, type QueryResamplerConfig } from '../layers/resampler.ts';
import { faceProjection, identityProjection, type IdentityProjectionConfig } from './identity-projection.ts';

interface Widths {
  /** Width of the tokens: the UNet's cross_attention_dim. */
  readonly cross_attention_dim: number;
  readonly num_tokens: number;
}

export type IpAdapterConfig =
  | ({ readonly variant: 'base'; readonly clip_embeddings_dim: number } & Widths)
  | ({ readonly variant: 'plus' } & QueryResamplerConfig)
  | { readonly variant: 'full'; readonly cross_attention_dim: number; readonly clip_embeddings_dim: number }
  | ({ readonly variant: 'faceid'; readonly id_embeddings_dim: number } & Widths)
  | ({ readonly variant: 'faceid-plus' } & IdentityProjectionConfig);

export interface IpAdapterInputs {
  /** base: the pooled picture [B, D]; the others: every token of it [B, T, D]. */
  readonly imageEmbeds?: Tensor | undefined;
  /** [B, 512] */
  readonly idEmbeds?: Tensor | undefined;
}

/** → [B, tokens, C]; the variant full makes a token of every token of the picture, [B, T, C]. @throws TypeError for an input that is missing */
export function ipAdapter(s: Scope, { imageEmbeds, idEmbeds }: IpAdapterInputs, config: IpAdapterConfig): Tensor {
  const image = () => needed(imageEmbeds, 'image_embeds', config);
  const face = () => needed(idEmbeds, 'id_embeds', config);
  switch (config.variant) {
    case 'base': {
      const { cross_attention_dim: width, num_tokens: tokens } = config;
      return layerNorm(s.at('norm'), op.reshape(linear(s.at('proj'), image(), tokens * width), [-1, tokens, width]));
    }
    case 'plus':
      return queryResampler(s, image(), config);
    case 'full': {
      const h = op.gelu(linear(s.at('proj', 0), image(), config.clip_embeddings_dim)); // [B, T, D]
      return layerNorm(s.at('proj', 3), linear(s.at('proj', 2), h, config.cross_attention_dim));
    }
    case 'faceid':
      return faceProjection(s, face(), config);
    case 'faceid-plus':
      return identityProjection(s, face(), image(), config);
  }
}

function needed(input: Tensor | undefined, name: string, { variant }: IpAdapterConfig): Tensor {
  if (!input) throw new TypeError(`The IP-Adapter ${variant} needs ${name}.`);
  return input;
}
