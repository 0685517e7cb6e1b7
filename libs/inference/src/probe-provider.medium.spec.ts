import { describe, expect, it } from 'vitest';
import type { ExecutionProvider } from './execution-provider.ts';
import { chooseProvider, whyNot } from './probe-provider.ts';

describe('a device is tried in a process of its own', () => {
  it('the CPU works', async () => {
    expect(await whyNot('cpu')).toBeNull();
  });

  it('a provider of another system does not, with its reason', async () => {
    const foreign: ExecutionProvider = process.platform === 'darwin' ? 'dml' : 'coreml';
    expect(await whyNot(foreign)).toMatch(`Execution provider ${foreign} is not part of this build`);
  });

  it('auto takes the first that works, and knows why the others do not', async () => {
    const { provider, notes } = await chooseProvider('auto');
    const order = ['cuda', 'webgpu', 'cpu'];
    expect(notes.map((note) => note.split(':')[0])).toEqual(order.slice(0, order.indexOf(provider)));
    expect(await whyNot(provider)).toBeNull();
  });

  it('what is asked for by name is not tried', async () => {
    expect(await chooseProvider('tensorrt')).toEqual({ provider: 'tensorrt', notes: [] });
  });
});
