/**
 * The spec of a container from its Deployment: as the client sent it, kept in an annotation so that reads are lossless, or
 * rebuilt where it was not kept. The values of environment variables stay out of the annotation: annotations are copied to
 * every ReplicaSet, and the Pod template has them anyway.
 */
import type { ContainerPort, ContainerService, ContainerSpec } from '../../containers/container.ts';
import { isTargetOf } from '../../containers/endpoints.ts';
import { hasInexactNumbers, isObject, parseExactly } from '../../containers/json.ts';
import { cpuFromQuantity, memoryFromQuantity } from '../../containers/units.ts';

export function encodeSpec(spec: ContainerSpec): string {
  return JSON.stringify(keptSpec(spec));
}

/** What is kept of a spec as it was sent, in the order in which reads give it. */
export function keptSpec(spec: ContainerSpec): ContainerSpec {
  const { metadata, network, process, ...rest } = spec;
  const { namespace: _namespace, ...sentMetadata } = metadata;
  const kept: Record<string, unknown> = { ...rest, metadata: sentMetadata };
  if (network !== undefined) {
    const { ip: _ip, ...sentNetwork } = network;
    kept.network = sentNetwork;
  }
  if (process !== undefined) {
    kept.process = process.env === undefined ? process : { ...process, env: process.env.map(withoutValue) };
  }
  return kept as unknown as ContainerSpec;
}

type EnvironmentVariable = NonNullable<NonNullable<ContainerSpec['process']>['env']>[number];

function withoutValue({ value: _value, ...rest }: EnvironmentVariable): Omit<EnvironmentVariable, 'value'> {
  return rest;
}

/**
 * The spec as it was kept; absent where the annotation is not what `encodeSpec` made, as after an edit by hand.
 *
 * @param exactly - whether numbers of unknown fields keep all their digits, which may cost ten times as much; absent: where
 *   any would lose some
 */
export function decodeSpec(
  annotation: string,
  exactly: boolean = hasInexactNumbers(annotation),
): ContainerSpec | undefined {
  const spec = parse(annotation, exactly ? parseExactly : (text): unknown => JSON.parse(text));
  return isSpec(spec) ? spec : undefined;
}

/**
 * What was kept of a spec with the values put back.
 *
 * @param values - values of the environment variables by name, of the Pod template
 */
export function withValues(kept: ContainerSpec, values: ReadonlyMap<string, string>): ContainerSpec {
  const { process } = kept;
  if (process?.env === undefined) return kept;
  const env = process.env.map((variable) => ({ ...variable, value: values.get(variable.name) ?? '' }));
  return { ...kept, process: { ...process, env } };
}

function parse(text: string, read: (text: string) => unknown): unknown {
  try {
    return read(text);
  } catch {
    return undefined;
  }
}

/** Looks only at what this process relies upon: the rest comes back as it was sent. */
function isSpec(value: unknown): value is ContainerSpec {
  if (!isObject(value) || !isObject(value.metadata) || !isObject(value.image) || !isObject(value.resources))
    return false;
  if (typeof value.metadata.name !== 'string') return false;
  return hasObjects(value.network, 'ports') && hasObjects(value.process, 'env');
}

/** Whether `parent` is absent, or an object whose `member` is absent or an array of objects. */
function hasObjects(parent: unknown, member: string): boolean {
  if (parent === undefined) return true;
  if (!isObject(parent)) return false;
  const list = parent[member];
  return list === undefined || (Array.isArray(list) && list.every(isObject));
}

/** The fields of a Deployment that was made without our annotation, as the reference provider's are. */
export interface Workload {
  /** The client's labels. */
  labels: Record<string, string>;
  /** What the client called it, as far as the names that were made of that tell. */
  name: string;
  image: string;
  command?: string[];
  args?: string[];
  containerPorts: Pick<ContainerPort, 'container_port' | 'protocol'>[];
  requests: { cpu?: string; memory?: string };
  limits: { cpu?: string; memory?: string };
}

/** As near to what was sent as the objects tell. Values that the contract cannot say are rounded up to one that it can. */
export function rebuildSpec(
  workload: Workload,
  environment: ReadonlyMap<string, string>,
  services: readonly ContainerService[],
): ContainerSpec {
  const { name, labels, image, command, args, containerPorts, requests, limits } = workload;
  const process = {
    ...(command && { command }),
    ...(args && { args }),
    ...(environment.size > 0 && { env: Array.from(environment, ([key, value]) => ({ name: key, value })) }),
  };
  return {
    service_type: 'container',
    metadata: { name, ...(Object.keys(labels).length > 0 && { labels }) },
    image: { reference: image },
    resources: {
      cpu: { min: cpuAmount(requests.cpu ?? limits.cpu), max: cpuAmount(limits.cpu ?? requests.cpu) },
      memory: { min: memorySize(requests.memory ?? limits.memory), max: memorySize(limits.memory ?? requests.memory) },
    },
    ...(Object.keys(process).length > 0 && { process }),
    ...(containerPorts.length > 0 && { network: { ports: rebuildPorts(containerPorts, services) } }),
  };
}

/** @param services - what tells how the ports are reached; none: not at all */
export function rebuildPorts(
  containerPorts: Workload['containerPorts'],
  services: readonly ContainerService[],
): ContainerPort[] {
  return containerPorts.map((port) => ({ ...port, visibility: visibility(port, services) }));
}

function visibility(
  port: Workload['containerPorts'][number],
  services: readonly ContainerService[],
): ContainerPort['visibility'] {
  const reaching = services.filter(({ ports }) => ports.some((each) => isTargetOf(each, port)));
  if (reaching.length === 0) return 'none';
  return reaching.every(({ type }) => type === 'ClusterIP') ? 'internal' : 'external';
}

/** One core where the Deployment asks for nothing. */
function cpuAmount(quantity = ''): number | string {
  return cpuFromQuantity(quantity) ?? 1;
}

function memorySize(quantity = '0'): string {
  const size = memoryFromQuantity(quantity);
  return size === undefined || size === '0MB' ? '1MB' : size;
}
