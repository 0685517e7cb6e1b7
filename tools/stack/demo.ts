/** The main job, as a shop would do it: a photo in a POST, a portrait and a signed callback out. */
import { createServer } from 'node:http';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Generation, GenerationEvent } from '@likeness/contracts';
import { openStages, packFolders, weightsFolder } from '@likeness/pipeline';
import { Webhook } from 'standardwebhooks';

export interface Receiver {
  /** `127.0.0.1:<port>` */
  readonly address: string;
  readonly url: string;
  /** Resolves with the first webhook of this generation, its signature checked. */
  received(generationId: string, secret: string, timeoutMs: number): Promise<GenerationEvent>;
  close(): Promise<void>;
}

/** A shop's webhook endpoint, on loopback. */
export async function startReceiver(at = '127.0.0.1:0'): Promise<Receiver> {
  const deliveries: { headers: Record<string, string>; body: string }[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      deliveries.push({ headers: request.headers as Record<string, string>, body: Buffer.concat(chunks).toString('utf8') });
      response.writeHead(204).end();
    });
  });
  const [host, wanted] = at.split(':');
  await new Promise<void>((done) => server.listen(Number(wanted), host, done));
  const address = `${host}:${(server.address() as { port: number }).port}`;
  return {
    address,
    url: `http://${address}/webhooks`,
    received: async (generationId, secret, timeoutMs) => {
      for (const deadline = Date.now() + timeoutMs; Date.now() < deadline; await sleep(20))
        for (const { headers, body } of deliveries)
          if (body.includes(generationId)) return new Webhook(secret).verify(body, headers) as GenerationEvent;
      throw new Error(`no webhook for ${generationId} arrived within ${timeoutMs / 1000} s`);
    },
    close: () =>
      new Promise((done) => {
        server.close(() => done());
        server.closeAllConnections();
      }),
  };
}

export interface DemoRequest {
  readonly url: string;
  readonly apiKey: string;
  readonly webhookSecret: string;
  readonly image: string;
  readonly prompt: string;
  readonly seed: number | undefined;
  readonly outDir: string;
  readonly receiver: Receiver;
  readonly say: (line: string) => void;
}

/** Runs one generation through the public API; returns the paths of its portraits. Throws when any step did not do what it promises. */
export async function runDemo(demo: DemoRequest): Promise<string[]> {
  const auth = { authorization: `Bearer ${demo.apiKey}` };
  const form = new FormData();
  form.append('image', new Blob([await readFile(demo.image)]), basename(demo.image));
  form.append(
    'request',
    JSON.stringify({ input: { prompt: demo.prompt, ...(demo.seed === undefined ? {} : { seed: demo.seed }) }, webhook: demo.receiver.url }),
  );
  const created = await fetch(`${demo.url}/v1/generations`, { method: 'POST', headers: auth, body: form });
  if (created.status !== 202) throw new Error(`POST /v1/generations answered ${created.status}: ${await created.text()}`);
  let generation = (await created.json()) as Generation;
  demo.say(`created    ${generation.id}`);

  for (let shown = ''; generation.status === 'queued' || generation.status === 'processing';) {
    const progress =
      generation.progress && generation.stage === 'sample' ? ` step ${generation.progress.step} of ${generation.progress.total}` : '';
    const line = `${generation.status} ${generation.stage ?? ''}${progress}`;
    if (line !== shown) demo.say(`           ${line}`);
    shown = line;
    await sleep(100);
    generation = (await (await fetch(generation.urls.get, { headers: auth })).json()) as Generation;
  }
  if (generation.status !== 'succeeded')
    throw new Error(`${generation.id} ended as ${generation.status}: ${JSON.stringify(generation.error)}`);

  await mkdir(demo.outDir, { recursive: true });
  const paths: string[] = [];
  for (const artifact of generation.output ?? []) {
    const response = await fetch(artifact.url);
    if (!response.ok) throw new Error(`GET ${artifact.url} answered ${response.status}`);
    const path = join(demo.outDir, `${generation.id}-${artifact.index}.${artifact.content_type.split('/')[1] ?? 'png'}`);
    await writeFile(path, new Uint8Array(await response.arrayBuffer()));
    paths.push(path);
    demo.say(`portrait   ${path} (${artifact.width}×${artifact.height}, seed ${artifact.seed})`);
  }
  if (!generation.pack.trained)
    demo.say(`           drawn by the pack "${generation.pack.name}", which is not trained: an abstract pattern, not a likeness`);
  const webhook = await demo.receiver.received(generation.id, demo.webhookSecret, 15_000);
  demo.say(`webhook    ${webhook.type}, status ${webhook.data.status}, signature verified`);
  return paths;
}

/** Says how much the faces of portraits look like that of their reference, by the pack's own recogniser; nothing where the pack is not trained. */
export async function sayLikeness(
  pack: string,
  reference: string,
  portraits: readonly string[],
  say: (line: string) => void,
): Promise<void> {
  const stages = await openStages(pack, { packDirs: packFolders(process.env), weightsFolder: weightsFolder(process.env) });
  try {
    if (!stages.pack.manifest.trained) return;
    for (const path of portraits) {
      const similarity = await stages.compareFaces(await readFile(reference), await readFile(path));
      say(
        `identity   ${similarity === null ? `no face found in ${basename(path)}` : `${similarity.toFixed(2)} alike (cosine of the two faces; see README)`}`,
      );
    }
  } finally {
    await stages.release();
  }
}
