/** One compiled graph in onnxruntime-node: typed inputs and outputs, synchronous under the hood (see inference-host.ts). */
import type * as Ort from 'onnxruntime-node';
import { compiledPath, keepCompiled } from './compiled-graph.ts';
import { InferenceError, runtimeError } from './errors.ts';
import { providerList, type ExecutionProvider } from './execution-provider.ts';
import { elementCount, type DType, type Tensor, type TensorData } from './tensor.ts';

/** A graph input or output. A dimension is a number, or a name where the graph leaves it open. */
export interface Port {
  readonly name: string;
  readonly dtype: DType;
  readonly dims: readonly (number | string)[];
}

export type Feeds = Readonly<Record<string, Tensor>>;
export type Outputs = Record<string, Tensor>;

export interface Session {
  readonly inputs: readonly Port[];
  readonly outputs: readonly Port[];
  /**
   * Runs the graph. Native code holds this thread until it is done. Outputs that `into` names are written into its arrays (which no feed
   * may share) and come back as them. Throws `invalid_argument`, `gpu_out_of_memory`, `inference_failed`.
   */
  run(feeds: Feeds, into?: Feeds): Promise<Outputs>;
  /** Gives the memory back to the system. The session cannot be used afterwards. */
  release(): Promise<void>;
}

interface CommonOptions {
  /** What the graph is called in messages. */
  readonly name?: string;
  readonly provider?: ExecutionProvider;
  readonly deviceId?: number;
  /** Threads of one run; the runtime's default is one per physical core. */
  readonly threads?: number;
  /**
   * Whether the memory of a run is kept for the next; default: yes. Not for a graph that needs much and seldom runs. (SD1.5's decoder at
   * 512 × 768: a peak of 2.0 GB and nothing kept, against 4.6 GB kept, in the same time.)
   */
  readonly keepMemory?: boolean;
}

export interface BytesOptions extends CommonOptions {
  /** A serialised ONNX model. */
  readonly bytes: Uint8Array;
  /** Folder in which the names of external weight files are looked up. */
  readonly folder?: string;
  /**
   * CPU only: keep the graph as the runtime has optimised it, and load that. `fingerprint` names the contents of the external files.
   * `pack`: rearrange the weights of products in memory of this process. In float32 that gains nothing; 8-bit products without it take
   * 1.4 times as long (SD1.5's UNet 2.7 s against 1.9 s).
   */
  readonly compiled?: { readonly folder: string; readonly fingerprint: string; readonly pack: boolean } | undefined;
}

export interface PathOptions extends CommonOptions {
  /** An ONNX file; external weight files lie beside it. */
  readonly path: string;
}

export type SessionOptions = BytesOptions | PathOptions;

/**
 * Loads a graph. Throws `device_unavailable` when the provider cannot be used here and `model_unavailable` when the graph or
 * its weights cannot be read.
 */
export async function createSession(options: SessionOptions): Promise<Session> {
  const ort = await runtime();
  const what = options.name ?? ('path' in options ? options.path : 'graph');
  const provider = options.provider ?? 'cpu';
  const known = ort.listSupportedBackends().map(({ name }) => name);
  if (!known.includes(provider)) {
    // The runtime would ignore a provider it was built without and run on the CPU.
    throw new InferenceError(
      'device_unavailable',
      `Execution provider ${provider} is not part of this build; it has ${known.join(', ')}.`,
      { provider, known },
    );
  }
  const config: Ort.InferenceSession.SessionOptions = {
    executionProviders: providerList(provider, options.deviceId),
    logSeverityLevel: 4, // what fails is thrown; the log would only repeat it
    ...(options.threads === undefined ? {} : { intraOpNumThreads: options.threads }),
    enableCpuMemArena: options.keepMemory ?? true,
  };
  const settings = { intra_op: { allow_spinning: '0' }, ...flushDenormals };
  try {
    const native =
      'bytes' in options && options.compiled && provider === 'cpu'
        ? await compiledSession(ort, options, options.compiled, config, settings)
        : await create(ort, options, {
            ...config,
            graphOptimizationLevel: 'all',
            extra: { session: { ...settings, ...folderOf(options) } },
          });
    return wrap(ort, native, what);
  } catch (cause) {
    if (provider !== 'cpu' && isProviderFailure(cause)) {
      throw new InferenceError(
        'device_unavailable',
        `Execution provider ${provider} cannot be used here: ${(cause as Error).message}`,
        { provider },
        { cause },
      );
    }
    throw runtimeError('model_unavailable', `Cannot load ${what}`, cause);
  }
}

/**
 * Numbers below 1.2e-38 count as 0: products that meet them take up to ten times as long, and gradients do meet them (a training step
 * loses an eighth of its time). For the calling thread the runtime settles it with the first session of the process, so all of them say it.
 */
const flushDenormals = { set_denormal_as_zero: '1' };

/** Optimises the graph unless that has been done here before. */
async function compiledSession(
  ort: typeof Ort,
  options: BytesOptions,
  { folder, fingerprint, pack }: NonNullable<BytesOptions['compiled']>,
  config: Ort.InferenceSession.SessionOptions,
  settings: object,
): Promise<Ort.InferenceSession> {
  const path = compiledPath(folder, { bytes: options.bytes, fingerprint }, ort.env.versions.node ?? ort.env.versions.common);
  await keepCompiled(folder, path, async ({ path: optimizedModelFilePath, dataFile, minimumBytes }) => {
    const optimised = {
      optimized_model_external_initializers_file_name: dataFile,
      optimized_model_external_initializers_min_size_in_bytes: String(minimumBytes),
    };
    const session = await ort.InferenceSession.create(options.bytes, {
      ...config,
      graphOptimizationLevel: 'all',
      optimizedModelFilePath,
      extra: { session: { ...folderOf(options), ...optimised, ...flushDenormals, disable_prepacking: '1' } },
    });
    await session.release();
  });
  return ort.InferenceSession.create(path, {
    ...config,
    graphOptimizationLevel: 'disabled',
    extra: { session: { ...settings, disable_prepacking: pack ? '0' : '1' } },
  });
}

const create = (ort: typeof Ort, options: SessionOptions, config: Ort.InferenceSession.SessionOptions) =>
  'path' in options ? ort.InferenceSession.create(options.path, config) : ort.InferenceSession.create(options.bytes, config);

const folderOf = (options: SessionOptions) =>
  'bytes' in options && options.folder !== undefined ? { model_external_initializers_file_folder_path: options.folder } : {};

const isProviderFailure = (cause: unknown) =>
  cause instanceof Error &&
  /shared library|backend not found|no available adapter|adapter|not supported in this build/i.test(cause.message);

/**
 * Since 1.29 the Linux library uploads telemetry and keeps a device id in the home folder unless this variable is set when
 * the library is loaded, so it is set here, before the only place that loads it.
 */
let loaded: Promise<typeof Ort> | undefined;
const runtime = (): Promise<typeof Ort> => {
  process.env['ORT_DISABLE_TELEMETRY'] = '1';
  return (loaded ??= import('onnxruntime-node'));
};

function wrap(ort: typeof Ort, native: Ort.InferenceSession, what: string): Session {
  const inputs = native.inputMetadata.map(port);
  const outputs = native.outputMetadata.map(port);
  return {
    inputs,
    outputs,
    async run(feeds, into = {}) {
      const given = Object.fromEntries(inputs.map((input) => [input.name, toOrt(ort, input, feeds[input.name], what)]));
      assertKnown(feeds, inputs, `${what} has no input`);
      assertKnown(into, outputs, `${what} has no output`);
      const wanted = outputs.map((output) => [output.name, into[output.name] ? toOrt(ort, output, into[output.name], what) : null]);
      try {
        const results = await native.run(given, Object.fromEntries(wanted) as Ort.InferenceSession.FetchesType);
        return Object.fromEntries(Object.entries(results).map(([name, value]) => [name, into[name] ?? fromOrt(value)]));
      } catch (cause) {
        throw runtimeError('inference_failed', `Running ${what} failed`, cause);
      }
    },
    release: () => native.release(),
  };
}

function assertKnown(tensors: Feeds, ports: readonly Port[], otherwise: string): void {
  const known = new Set(ports.map(({ name }) => name));
  for (const name of Object.keys(tensors))
    if (!known.has(name)) throw new InferenceError('invalid_argument', `${otherwise} "${name}".`, { known: [...known] });
}

function port(meta: Ort.InferenceSession.ValueMetadata): Port {
  if (!meta.isTensor) throw new Error(`"${meta.name}" is not a tensor.`);
  return { name: meta.name, dtype: dtypeOf(meta.type, meta.name), dims: meta.shape };
}

const dtypes: ReadonlySet<string> = new Set<DType>(['float32', 'float64', 'float16', 'int64', 'int32', 'uint8', 'int8', 'bool']);

function dtypeOf(type: string, name: string): DType {
  if (!dtypes.has(type))
    throw new InferenceError('inference_failed', `"${name}" has element type ${type}, which is not supported.`, { type });
  return type as DType;
}

function toOrt(ort: typeof Ort, { name, dtype, dims }: Port, tensor: Tensor | undefined, what: string): Ort.Tensor {
  if (!tensor) throw new InferenceError('invalid_argument', `${what} needs the input "${name}".`, { port: name });
  const fits = dims.length === tensor.dims.length && dims.every((d, i) => typeof d === 'string' || d < 0 || d === tensor.dims[i]);
  if (dtype !== tensor.dtype || !fits || tensor.data.length !== elementCount(tensor.dims)) {
    const message = `${what} takes "${name}" as ${dtype}[${dims.join(', ')}], got ${tensor.dtype}[${tensor.dims.join(', ')}] of ${tensor.data.length} elements.`;
    throw new InferenceError('invalid_argument', message, { port: name });
  }
  // Node 24 has Float16Array and the runtime insists on it; older versions get the bit patterns.
  const data = tensor.dtype === 'float16' ? halves(tensor.data) : tensor.data;
  return new ort.Tensor(tensor.dtype, data as never, tensor.dims);
}

function fromOrt({ dims, type, data: values }: Ort.Tensor): Tensor {
  const { buffer, byteOffset, length } = values as TensorData;
  const data = type === 'float16' ? new Uint16Array(buffer, byteOffset, length) : values;
  return { dtype: dtypeOf(type, 'output'), dims, data } as Tensor;
}

interface HalfArray {
  new (buffer: ArrayBufferLike, byteOffset: number, length: number): ArrayBufferView;
}

function halves(bits: Uint16Array): ArrayBufferView {
  const Half = (globalThis as { Float16Array?: HalfArray }).Float16Array;
  return Half ? new Half(bits.buffer, bits.byteOffset, bits.length) : bits;
}
