import { hashWeights } from '@likeness/graph';
import { describe, expect, it } from 'vitest';
import { attentionPaths } from './architectures/unet.ts';
import { unetConfig } from './checkpoints.ts';
import { consistentIdWeights } from './consistentid-checkpoint.ts';
import { unwrapped } from './pack-sources.ts';
import { namedWeights, readKeys } from './testing/named-weights.ts';

const seen = (...keys: string[]) => readKeys(consistentIdWeights(unwrapped(namedWeights(...keys))), keys);

describe('consistentIdWeights', () => {
  it('takes the published files as they are, with either name of the projection', () => {
    const rest = ['FacialEncoder.fuse_module.layer_norm.bias', 'adapter_modules.0.to_q_lora.up.weight'];
    const own = { [rest[0]!]: rest[0], [rest[1]!]: rest[1] };
    expect(seen('image_proj.norm.bias', ...rest)).toEqual({ ...own, 'image_proj.norm.bias': 'image_proj.norm.bias' });
    expect(seen('image_proj_model.norm.bias', ...rest)).toEqual({ ...own, 'image_proj.norm.bias': 'image_proj_model.norm.bias' });
  });

  it('leaves the frozen UNet of a training dump out, whatever is wrapped around it', () => {
    const dump = ['unet.conv_in.bias', 'unet.mid_block.attentions.0.transformer_blocks.0.attn1.processor.to_q_lora.up.weight'];
    const expected = ['adapter_modules.0.to_q_lora.up.weight', 'image_proj.norm.bias'];
    for (const wrapper of ['', 'module.', 'state_dict.', 'state_dict.module.']) {
      const keys = [...dump, 'adapter_modules.0.to_q_lora.up.weight', 'image_proj_model.norm.bias'].map((key) => wrapper + key);
      const beside = wrapper.startsWith('state_dict') ? ['optimizer_states.0.state.1.exp_avg'] : [];
      expect(Object.keys(seen(...keys, ...beside))).toEqual(expected);
    }
  });

  it('numbers adapters that stand under the names of their attentions alone', () => {
    const config = unetConfig({ block_out_channels: [32, 32, 32, 32], transformer_layers_per_block: [1, 2, 10, 1] });
    const paths = attentionPaths(config);
    const key = (path: string) => `unet.${path}.processor.to_out_lora.down.weight`;
    const found = seen(...paths.toSorted().map(key));
    expect(found).toEqual(Object.fromEntries(paths.map((path, i) => [`adapter_modules.${i}.to_out_lora.down.weight`, key(path)])));
  });

  it.each([
    ['a key of no part', ['image_proj.norm.bias', 'optimizer.step'], 'weight_unused', /"optimizer.step"/],
    [
      'a projection under both names',
      ['image_proj.norm.bias', 'image_proj_model.norm.bias'],
      'weight_read_twice',
      /are both "image_proj\.norm\.bias"/,
    ],
  ])('refuses %s', (_, keys, code, message) => {
    expect(() => seen(...keys)).toThrow(expect.objectContaining({ code, message: expect.stringMatching(message) as string }) as Error);
  });

  it('lets weights by a rule pass', () => {
    const rule = hashWeights(1);
    expect(consistentIdWeights(rule)).toBe(rule);
  });
});
