/** The Deployment that a container is: how it is built, and what the caches keep of one. */
import type { ContainerPort, ContainerSpec } from '../../containers/container.ts';
import { hasClaim, kubernetesHints } from '../../containers/hints.ts';
import type { IdempotencyRecord } from '../../containers/idempotency.ts';
import type { ObservedDeployment } from '../../containers/observed.ts';
import { protocolOf } from '../../containers/endpoints.ts';
import { isReservedLabel } from '../../containers/rules.ts';
import { memoryToQuantity } from '../../containers/units.ts';
import type { Deployment } from '../api/resources.ts';
import { buildHintedContainer, buildHintedPod, hintPointers } from './hints.ts';
import {
  hintsAnnotation,
  isolationAnnotation,
  deleteAnnotation,
  keyAnnotation,
  providerAnnotation,
  requestAnnotation,
  serviceRevisionAnnotation,
  specAnnotation,
  variablesAnnotation,
  deploymentName,
  identityLabels,
} from './identity.ts';
import type { ContainerIdentity } from './identity.ts';
import { projectConditions, projectMetadata } from './object.ts';
import type { FieldPointers } from './object.ts';
import { decodeSpec, encodeSpec } from './spec.ts';
import type { Workload } from './spec.ts';

/** What is asked of the Deployment besides the spec. */
export interface DeploymentNotes {
  /** Kept with the container; absent where the request has no key. */
  idempotency?: IdempotencyRecord | undefined;
  /** The external ports get a Service of their own. */
  isolated?: boolean;
  /** The name of the provider that makes it; absent: it belongs to whoever asks. */
  provider?: string | undefined;
  /** How long it may take to come up, or to be rolled out, in seconds; absent: Kubernetes' own 600. */
  progressDeadlineSeconds?: number | undefined;
}

/**
 * Builds the Deployment. Its Pods get no service account token, since nothing in the contract speaks of the cluster's
 * API, and no environment variables about other Services, which break Pods where there are thousands.
 */
export function buildDeployment(
  { id, incarnation, namespace }: ContainerIdentity,
  spec: ContainerSpec,
  { idempotency, isolated = false, provider, progressDeadlineSeconds }: DeploymentNotes = {},
): Deployment {
  const identity = identityLabels(id, incarnation);
  const labels = { ...spec.metadata.labels, ...identity };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: {
      name: deploymentName(id),
      namespace,
      labels,
      annotations: {
        [specAnnotation]: encodeSpec(spec),
        ...hintsAnnotations(spec),
        ...(expandsVariables(spec) ? {} : { [variablesAnnotation]: 'literal' }),
        ...(isolated && { [isolationAnnotation]: 'true' }),
        ...(provider !== undefined && { [providerAnnotation]: provider }),
        ...idempotencyAnnotations(idempotency),
      },
    },
    spec: {
      replicas: 1,
      ...(progressDeadlineSeconds !== undefined && { progressDeadlineSeconds }),
      selector: { matchLabels: identity },
      // The new Pod could wait for ever for a volume that the node of the old one has.
      ...(hasClaim(spec) && { strategy: { type: 'Recreate' } }),
      template: {
        metadata: { labels },
        spec: {
          automountServiceAccountToken: false,
          enableServiceLinks: false,
          containers: [buildPodContainer(spec)],
          ...buildHintedPod(kubernetesHints(spec)),
        },
      },
    },
  };
}

/** Says that the hints were acted upon: those of containers that were made before any were stay without effect. */
function hintsAnnotations(spec: ContainerSpec): Record<string, string> {
  return kubernetesHints(spec) ? { [hintsAnnotation]: 'applied' } : {};
}

/** Whether Kubernetes is to replace variables in values, as its own users know it. */
export function expandsVariables(spec: ContainerSpec): boolean {
  return kubernetesHints(spec)?.expand_variables === true;
}

/** What the Deployment keeps of a request with an idempotency key. */
function idempotencyAnnotations(record: IdempotencyRecord | undefined): Record<string, string> {
  return record ? { [keyAnnotation]: record.keyDigest, [requestAnnotation]: record.requestDigest } : {};
}

function projectIdempotency(annotations: Record<string, string> = {}): Pick<DeploymentRecord, 'idempotency'> {
  const { [keyAnnotation]: keyDigest, [requestAnnotation]: requestDigest } = annotations;
  return keyDigest !== undefined && requestDigest !== undefined ? { idempotency: { keyDigest, requestDigest } } : {};
}

type PodContainer = NonNullable<NonNullable<Deployment['spec']>['template']['spec']>['containers'][number];

function buildPodContainer(spec: ContainerSpec): PodContainer {
  const { metadata, image, process, network, resources } = spec;
  const ports = network?.ports ?? [];
  const write = expandsVariables(spec) ? asItIs : escapeVariables;
  return {
    name: metadata.name,
    image: image.reference,
    ...(process?.command && { command: process.command.map(write) }),
    ...(process?.args && { args: process.args.map(write) }),
    ...(process?.env && { env: process.env.map(({ name, value }) => ({ name, value: write(value) })) }),
    ...(ports.length > 0 && {
      ports: ports.map((port) => ({ containerPort: port.container_port, protocol: protocolOf(port) })),
    }),
    resources: {
      requests: { cpu: String(resources.cpu.min), memory: memoryToQuantity(resources.memory.min) },
      limits: { cpu: String(resources.cpu.max), memory: memoryToQuantity(resources.memory.max) },
    },
    ...buildHintedContainer(kubernetesHints(spec), write),
  };
}

function asItIs(text: string): string {
  return text;
}

const podContainer = String.raw`^spec\.template\.spec\.containers\[0\]\.`;

/** What in the request each field of the Deployment comes from. */
export const deploymentPointers: FieldPointers = [
  ...hintPointers,
  [new RegExp(`${podContainer}image\\b`), () => '/spec/image/reference'],
  [new RegExp(`${podContainer}name\\b`), () => '/spec/metadata/name'],
  [
    new RegExp(`${podContainer}(command|args)(?:\\[(\\d+)\\])?`),
    ([, list, index]) => `/spec/process/${list}${item(index)}`,
  ],
  [
    new RegExp(`${podContainer}env\\[(\\d+)\\]\\.(name|value)$`),
    ([, index, name]) => `/spec/process/env/${index}/${name}`,
  ],
  [new RegExp(`${podContainer}env(?:\\[(\\d+)\\])?`), ([, index]) => `/spec/process/env${item(index)}`],
  [
    new RegExp(`${podContainer}ports\\[(\\d+)\\](\\.containerPort)?`),
    ([, index, port]) => `/spec/network/ports/${index}${port ? '/container_port' : ''}`,
  ],
  [new RegExp(`${podContainer}ports`), () => '/spec/network/ports'],
  [
    new RegExp(`${podContainer}resources\\.(requests|limits)(?:\\[|\\.)(cpu|memory)`),
    ([, bound, kind]) => `/spec/resources/${kind}/${bound === 'requests' ? 'min' : 'max'}`,
  ],
  [new RegExp(`${podContainer}resources`), () => '/spec/resources'],
  [/^(spec\.template\.)?(metadata\.)?labels/, () => '/spec/metadata/labels'],
  [/^metadata\.annotations/, () => '/spec'],
];

function item(index: string | undefined): string {
  return index === undefined ? '' : `/${index}`;
}

export interface DeploymentRecord extends ObservedDeployment {
  /** Name of our own container in the Pods; sidecars have others. */
  containerName: string;
  /** Absent where it was created without an idempotency key. */
  idempotency?: IdempotencyRecord;
  /** Digest of the delete with an idempotency key that it goes by; absent where none is on its way. */
  deleteDigest?: string;
  /** The hints of the spec were acted upon when the Deployment was made. */
  hintsApplied?: true;
  /** The external ports have a Service of their own, whatever is configured now. */
  isolated?: true;
  /** What its Services carry once they are what the spec asks for; absent before any update changed them. */
  serviceRevision?: string;
  /** The spec as it was sent, encoded so that `decodeSpec` takes it; else what it is rebuilt from. */
  spec: string | Workload;
  /** The same in its decoded form, as of `keptSpec`, where this process has just written it. */
  writtenSpec?: ContainerSpec;
  /** Of the spec as it was sent, those ports that are to be reached; absent where there are none. */
  ports?: readonly ContainerPort[];
  /** Values of the environment variables by name. */
  environment: ReadonlyMap<string, string>;
}

const noEnvironment: ReadonlyMap<string, string> = new Map();

/**
 * Absent for what is not a container's Deployment.
 *
 * @param known - what an earlier version of it came to: an annotation that has not changed need not be read again
 */
export function projectDeployment(deployment: Deployment, known?: DeploymentRecord): DeploymentRecord | undefined {
  const { metadata, spec, status } = deployment;
  const object = projectMetadata(metadata);
  if (object === undefined) return undefined;
  const container = ownContainer(metadata, spec?.template.spec?.containers, known);
  const read = metadata?.annotations?.[variablesAnnotation] === 'literal' ? unescapeVariables : asItIs;
  const environment = projectEnvironment(container?.env, read);
  const { [deleteAnnotation]: deleteDigest, [serviceRevisionAnnotation]: serviceRevision } =
    metadata?.annotations ?? {};
  const sent = projectSpec(metadata?.annotations?.[specAnnotation], known);
  return {
    ...object,
    replicas: spec?.replicas ?? 1,
    ...(spec?.paused === true && { paused: true }),
    ...(isReconciling(deployment) && { reconciling: true }),
    conditions: projectConditions(status?.conditions),
    containerName: container?.name ?? '',
    ...projectIdempotency(metadata?.annotations),
    ...(deleteDigest !== undefined && { deleteDigest }),
    ...(serviceRevision !== undefined && { serviceRevision }),
    ...(metadata?.annotations?.[hintsAnnotation] === 'applied' && { hintsApplied: true }),
    ...(metadata?.annotations?.[isolationAnnotation] === 'true' && { isolated: true }),
    environment,
    ...(sent ?? { spec: projectWorkload(metadata, container, read) }),
  };
}

/** By what `kubectl rollout status` goes. */
function isReconciling({ metadata, spec, status = {} }: Deployment): boolean {
  const { observedGeneration = 0, replicas = 0, updatedReplicas = 0, availableReplicas = 0 } = status;
  if (observedGeneration < (metadata?.generation ?? 0)) return true;
  return updatedReplicas < (spec?.replicas ?? 1) || replicas > updatedReplicas || availableReplicas < updatedReplicas;
}

/**
 * Our own container, by its name, which is that of the spec: a sidecar that something injected may stand before it. Where
 * the name is not to be had, the first one.
 */
export function ownContainer(
  metadata: Deployment['metadata'],
  containers: readonly PodContainer[] = [],
  known?: DeploymentRecord,
): PodContainer | undefined {
  if (containers.length < 2) return containers[0];
  const annotation = metadata?.annotations?.[specAnnotation];
  const name =
    annotation !== undefined && annotation === known?.spec
      ? known.containerName
      : (decodeSpec(annotation ?? '', false)?.metadata.name ?? generatedFrom(metadata));
  return containers.find((container) => container.name === name) ?? containers[0];
}

/** What the reference provider calls a container, of which it makes the name of the Deployment. */
function generatedFrom(metadata: Deployment['metadata']): string | undefined {
  return metadata?.generateName?.replace(/-+$/, '');
}

/** Absent where the annotation does not hold the spec that was sent. */
function projectSpec(
  annotation: string | undefined,
  known: DeploymentRecord | undefined,
): Pick<DeploymentRecord, 'spec' | 'ports'> | undefined {
  if (annotation === undefined) return undefined;
  if (annotation === known?.spec) return { spec: known.spec, ...(known.ports && { ports: known.ports }) };
  const spec = decodeSpec(annotation, false);
  if (spec === undefined) return undefined;
  const reachable = (spec.network?.ports ?? []).filter(({ visibility }) => visibility !== 'none');
  const ports = reachable.map(({ container_port, visibility, protocol }) => ({
    container_port,
    visibility,
    ...(protocol === 'UDP' && { protocol }),
  }));
  return { spec: annotation, ...(ports.length > 0 && { ports }) };
}

/** Variables whose value comes from elsewhere in the cluster are left out: a client could not have sent them. */
function projectEnvironment(
  variables: PodContainer['env'],
  read: (text: string) => string,
): ReadonlyMap<string, string> {
  const plain = (variables ?? []).filter(({ valueFrom }) => valueFrom === undefined);
  return plain.length === 0 ? noEnvironment : new Map(plain.map(({ name, value }) => [name, read(value ?? '')]));
}

function projectWorkload(
  metadata: Deployment['metadata'],
  container: PodContainer | undefined,
  read: (text: string) => string,
): Workload {
  const { image = '', command, args, ports, resources, name: containerName = '' } = container ?? {};
  const labels = Object.entries(metadata?.labels ?? {}).filter(([key]) => !isReservedLabel(key));
  return {
    labels: Object.fromEntries(labels),
    name: generatedFrom(metadata) || containerName,
    image,
    ...(command && { command: command.map(read) }),
    ...(args && { args: args.map(read) }),
    containerPorts: (ports ?? [])
      .filter(({ protocol = 'TCP' }) => protocol === 'TCP' || protocol === 'UDP')
      .map(({ containerPort, protocol }) => ({
        container_port: containerPort,
        ...(protocol === 'UDP' && { protocol }),
      })),
    requests: resources?.requests ?? {},
    limits: resources?.limits ?? {},
  };
}

/**
 * As text is to be written so that Kubernetes makes the text itself of it: it replaces `$(NAME)` and `$$` in environment
 * values, commands and arguments, and in the commands of probes, by
 * https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/#entrypoint.
 */
export function escapeVariables(text: string): string {
  return text.replaceAll('$', () => '$$');
}

/** The text that was escaped. */
export function unescapeVariables(text: string): string {
  return text.replaceAll('$$', () => '$');
}
