import type { InferenceSession } from 'onnxruntime-node';

/** Where a graph runs. The runtime never falls back by itself: a provider that cannot be loaded makes the session fail. */
export const executionProviders = ['cpu', 'cuda', 'tensorrt', 'webgpu', 'coreml', 'dml'] as const;
export type ExecutionProvider = (typeof executionProviders)[number];

/** The provider list the runtime expects. Nodes the device cannot run go to the CPU, which is always last. */
export function providerList(provider: ExecutionProvider, deviceId = 0): InferenceSession.ExecutionProviderConfig[] {
  if (provider === 'cpu') return ['cpu'];
  const named = provider === 'cuda' || provider === 'tensorrt' || provider === 'dml';
  return [named ? { name: provider, deviceId } : provider, 'cpu'];
}
