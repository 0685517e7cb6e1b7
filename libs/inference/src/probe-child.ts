/** Loads and runs y = x + x on the provider that it is named, and leaves: exit code 0, or the reason on standard error. */
import type { ExecutionProvider } from './execution-provider.ts';
import { createSession } from './session.ts';
import { float32 } from './tensor.ts';

const model = Buffer.from(
  'CAoSCGxpa2VuZXNzOl0KGQoBeAoBeBIFYWRkXzAaBWFkZF8wIgNBZGQKFwoFYWRkXzASAXkaAXkiCElkZW50aXR5EgVwcm9iZVoPCgF4EgoKCAgBEgQKAggBYg8KAXkSCgoICAESBAoCCAFCBAoAEBVCEQoNY29tLm1pY3Jvc29mdBAB',
  'base64',
);

try {
  const session = await createSession({ bytes: model, name: 'probe', provider: process.argv[2] as ExecutionProvider });
  const { y } = await session.run({ x: float32([1], Float32Array.of(21)) });
  if (y?.data[0] !== 42) throw new Error(`21 + 21 is ${y?.data[0]} there`);
  process.exit(0);
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n`);
  process.exit(1);
}
