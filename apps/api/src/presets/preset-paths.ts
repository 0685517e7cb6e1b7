/** The operations of presets in the OpenAPI document. */
import { CreatePreset, ListPresets, Preset, PresetList } from '@likeness/contracts';
import { z } from 'zod';
import type { ZodOpenApiPathsObject } from 'zod-openapi';
import { everywhere, json, problems, security, withBody, withKey } from '../docs/operations.ts';

export const presetPaths: ZodOpenApiPathsObject = {
  '/v1/presets': {
    post: {
      tags: ['presets'],
      operationId: 'createPreset',
      summary: 'Name a set of parameters, or make the next version of one',
      security: security('generations:write'),
      requestBody: { required: true, content: json(CreatePreset) },
      responses: {
        '201': { description: 'The new version. It never changes.', content: json(Preset) },
        ...problems(...everywhere, ...withKey, ...withBody),
      },
    },
    get: {
      tags: ['presets'],
      operationId: 'listPresets',
      summary: 'List your presets, every version, newest first; then the shipped ones',
      security: security('generations:read'),
      requestParams: { query: ListPresets },
      responses: {
        '200': { description: 'A page; `next_cursor` is null on the last one.', content: json(PresetList) },
        ...problems(...everywhere, ...withKey, 'validation_failed'),
      },
    },
  },
  '/v1/presets/{preset}': {
    get: {
      tags: ['presets'],
      operationId: 'getPreset',
      summary: 'Read a preset',
      security: security('generations:read'),
      requestParams: { path: z.object({ preset: z.string().describe('id, name, or `name@version`; a name alone is its newest version') }) },
      responses: { '200': { description: 'The preset.', content: json(Preset) }, ...problems(...everywhere, ...withKey, 'not_found') },
    },
  },
};
