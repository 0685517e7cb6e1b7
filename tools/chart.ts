/** What the Helm chart takes, from the configuration of the processes themselves: `chart.spec.ts` writes values.schema.json from it. */
import type { VariableMeta } from '@likeness/platform/config';
import { WorkerConfig } from '@likeness/worker';
import { z } from 'zod';
import { ApiVariables } from '../apps/api/src/api.config.ts';
import { DispatcherConfig } from '../apps/dispatcher/src/dispatcher.config.ts';

/** Set by the image or the chart itself. */
const ofTheChart = [
  ...['HOST', 'PORT', 'HEALTH_HOST', 'HEALTH_PORT', 'PUBLIC_URL', 'PACKS_DIR', 'WEIGHTS_DIR'],
  ...['POD_NAME', 'POD_NAMESPACE', 'KUBERNETES_SERVICE_HOST', 'KUBERNETES_SERVICE_PORT'],
];

type Variables = Record<string, z.ZodType>;
function settable(schema: z.ZodObject): Variables {
  const variables: Variables = schema.shape;
  const isOurs = (name: string, type: z.ZodType) => ofTheChart.includes(name) || (type.meta() as Partial<VariableMeta> | undefined)?.secret;
  return Object.fromEntries(Object.entries(variables).filter(([name, type]) => !isOurs(name, type)));
}
const [ofApi, ofDispatcher, ofWorkers] = [settable(ApiVariables), settable(DispatcherConfig), settable(WorkerConfig)];
const ofAll = Object.keys(ofWorkers).filter((name) => name in ofApi);

/** As a values file has them: a number is a number and a switch one of YAML's, not their text. */
const environment = (variables: Variables, names = Object.keys(variables)) =>
  z.strictObject(Object.fromEntries(names.map((name) => [name, asValue(variables[name]!).optional()])));

function asValue(type: z.ZodType): z.ZodType {
  const schema = z.toJSONSchema(type, { io: 'input' });
  for (const name of ['default', 'format'] as const) delete schema[name]; // those of the chart count, and formats are judged by the processes
  return schema.enum?.includes('true') ? z.boolean() : z.fromJSONSchema(schema);
}
const own = (variables: Variables) =>
  environment(
    variables,
    Object.keys(variables).filter((name) => !ofAll.includes(name)),
  );

const text = z.string().min(1);
const count = z.int().min(0);
const positive = z.int().min(1);
const port = z.int().min(1).max(65_535);
/** Kubernetes' own kinds, which its API server judges. */
const kubernetes = z.looseObject({});
const quantities = z.record(z.string(), z.union([text, z.number()]));
const resources = z.strictObject({ requests: quantities.optional(), limits: quantities.optional() });
const cidrs = z.array(text.regex(/^[0-9a-f.:]+\/\d{1,3}$/i));
const placement = {
  resources,
  terminationGracePeriodSeconds: positive,
  nodeSelector: z.record(z.string(), z.string()),
  tolerations: z.array(kubernetes),
  affinity: kubernetes,
  priorityClassName: z.string(),
  podAnnotations: z.record(z.string(), z.string()),
};
const worker = z.strictObject({
  replicas: count,
  gpu: count,
  config: own(ofWorkers),
  scaling: z.strictObject({
    minReplicas: count,
    maxReplicas: positive,
    stagesPerPod: positive,
    cooldownSeconds: count,
    scaleInSeconds: count.max(3600),
    fallbackReplicas: count,
  }),
  ...placement,
});
const server = z.strictObject({ image: text, volume: kubernetes });

/** `deploy/helm/likeness/values.yaml`, which says what everything means. */
export const Values = z.strictObject({
  global: kubernetes.optional(), // Helm's own
  image: z.strictObject({
    repository: text,
    tag: z.string(),
    pullPolicy: z.enum(['Always', 'IfNotPresent', 'Never']),
    pullSecrets: z.array(text),
  }),
  existingSecret: text,
  secretRefs: z.record(text.regex(/^[A-Z_]+$/), z.strictObject({ name: text, key: text })),
  publicUrl: z.string().regex(/^(https?:\/\/[^/\s]+)?$/),
  config: environment(ofWorkers, ofAll),
  api: z.strictObject({
    replicas: positive,
    config: own(ofApi),
    autoscaling: z.strictObject({
      enabled: z.boolean(),
      minReplicas: positive,
      maxReplicas: positive,
      targetCPUUtilizationPercentage: z.int().min(1).max(100),
    }),
    service: z.strictObject({
      type: z.enum(['ClusterIP', 'NodePort', 'LoadBalancer']),
      port,
      annotations: z.record(z.string(), z.string()),
    }),
    ingress: z.strictObject({
      enabled: z.boolean(),
      className: z.string(),
      host: z.string(),
      annotations: z.record(z.string(), z.string()),
      tlsSecret: z.string(),
    }),
    ...placement,
  }),
  dispatcher: z.strictObject({ replicas: positive, config: own(ofDispatcher), ...placement }),
  workers: z.strictObject({ parsing: worker, embedding: worker, diffusion: worker }),
  keda: z.strictObject({ enabled: z.boolean(), pollingSeconds: positive }),
  podDeletionCost: z.strictObject({ enabled: z.boolean() }),
  packs: z.strictObject({ pull: z.array(text.regex(/^[a-z0-9][a-z0-9-]*$/)), acceptLicence: z.boolean(), volume: kubernetes }),
  weights: z.strictObject({ volume: kubernetes }),
  networkPolicy: z.strictObject({
    enabled: z.boolean(),
    dataCidrs: cidrs,
    dataPorts: z.array(port),
    telemetryPort: port,
    blockedCidrs: cidrs,
    ingressFrom: z.array(kubernetes),
    metricsFrom: z.array(kubernetes),
  }),
  monitoring: z.strictObject({ serviceMonitor: z.boolean(), prometheusRule: z.boolean(), labels: z.record(z.string(), z.string()) }),
  trial: z.strictObject({ enabled: z.boolean(), postgres: server, redis: server, objects: server }),
});

/** Draft 7, which every Helm 3 understands. */
export const valuesSchema = (): string => `${JSON.stringify(z.toJSONSchema(Values, { target: 'draft-7' }), null, 2)}\n`;
