/** `npm start`: the whole system on this machine, its main job once, then service until interrupted. */
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DirectoryInUse } from './stack/data-directory.ts';
import { runDemo, sayLikeness, startReceiver } from './stack/demo.ts';
import { parseStartOptions, UsageError, type StartOptions } from './stack/options.ts';
import { startStack } from './stack/stack.ts';

const say = (line: string) => console.log(line);

async function main(options: StartOptions): Promise<number> {
  const receiver = options.demo ? await startReceiver() : undefined;
  const interrupted = new Promise<'interrupted'>((done) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => done('interrupted'));
  });
  const starting = startStack({ ...options, data: resolve(options.data), say, exemptAddresses: receiver ? [receiver.address] : [] });
  const stack = await starting;
  try {
    if (receiver) {
      const image = options.image ?? fileURLToPath(new URL('../samples/portrait.jpg', import.meta.url));
      const demo = runDemo({
        url: stack.url,
        apiKey: stack.connection().api_key,
        webhookSecret: stack.connection().webhook_secret,
        image,
        prompt: options.prompt,
        seed: options.seed,
        outDir: join(stack.directory.path, 'portraits'),
        receiver,
        say,
      });
      const made = await Promise.race([demo, interrupted]);
      if (made === 'interrupted') {
        say('interrupted: the job goes on with the next start');
        return 130;
      }
      await sayLikeness(options.pack, image, made, say);
      if (options.once) return 0;
    }
    say(`ready ${stack.url}`);
    say(`           keys and process ids: ${join(stack.directory.path, 'connection.json')} · documentation: ${stack.url}/docs`);
    await interrupted;
    say('stopping: jobs under way go on with the next start');
    return 0;
  } finally {
    await stack.stop();
    await receiver?.close();
  }
}

try {
  process.exitCode = await main(parseStartOptions(process.argv.slice(2)));
} catch (error) {
  const known = error instanceof UsageError || error instanceof DirectoryInUse;
  console.error(known ? error.message : error);
  process.exitCode = error instanceof UsageError ? 2 : 1;
}
process.exit();
