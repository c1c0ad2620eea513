/**
 * The spec as the client sent it, kept with the Deployment so that reads are lossless. The values of environment
 * variables stay out: annotations are copied to every ReplicaSet, and the Pod template has them anyway.
 */
import type { ContainerSpec } from '../../containers/container.ts';

export function encodeSpec(spec: ContainerSpec): string {
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
  return JSON.stringify(kept);
}

type EnvironmentVariable = NonNullable<NonNullable<ContainerSpec['process']>['env']>[number];

function withoutValue({ value: _value, ...rest }: EnvironmentVariable): Omit<EnvironmentVariable, 'value'> {
  return rest;
}

/**
 * The spec with the values put back, for the caller to change; absent where the annotation is not what `encodeSpec` made,
 * as after an edit by hand.
 *
 * @param values - values of the environment variables by name, of the Pod template
 */
export function decodeSpec(annotation: string, values: ReadonlyMap<string, string>): ContainerSpec | undefined {
  const spec = parse(annotation);
  if (!isSpec(spec)) return undefined;
  for (const variable of spec.process?.env ?? []) variable.value = values.get(variable.name) ?? '';
  return spec;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
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

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
