/**
 * What an update makes of the Deployment that a container is, by a three-way merge: what changes between two manifests is
 * changed in the object that lives, of which all else stays.
 */
import { isDeepStrictEqual } from 'node:util';
import type { ContainerSpec } from '../../containers/container.ts';
import { kubernetesHints } from '../../containers/hints.ts';
import type { Deployment } from '../api/resources.ts';
import { buildDeployment, expandsVariables, ownContainer } from './deployment.ts';
import {
  hintsAnnotation,
  isolationAnnotation,
  serviceRevisionAnnotation,
  specAnnotation,
  variablesAnnotation,
} from './identity.ts';
import type { ContainerIdentity } from './identity.ts';
import { encodeSpec } from './spec.ts';
import { isObject } from '../../containers/json.ts';

export interface SpecChange {
  before: ContainerSpec;
  after: ContainerSpec;
}

export interface UpdateNotes {
  /** The external ports have a Service of their own from now on. */
  isolated: boolean;
  /** What its Services are to carry, where they change. */
  serviceRevision?: string | undefined;
}

/**
 * The Deployment with what changes between the specs changed, in annotation and Pod template at once; all else of it stays,
 * such as replicas and annotations that somebody gave it by hand. Values are written, and hints acted upon, as they were when
 * it was made, unless the hints change.
 */
export function updateDeployment(
  live: Deployment,
  identity: ContainerIdentity,
  { before, after }: SpecChange,
  { isolated, serviceRevision }: UpdateNotes,
): Deployment {
  const { annotations = {} } = live.metadata ?? {};
  const expanded = annotations[variablesAnnotation] !== 'literal';
  const expands = expandsVariables(before) === expandsVariables(after) ? expanded : expandsVariables(after);
  const acted = actedUpon({ before, after }, annotations[hintsAnnotation] === 'applied');
  const name = ownContainer(live.metadata, live.spec?.template.spec?.containers)?.name;
  const manifest = (spec: ContainerSpec, expand: boolean): Deployment => {
    const hints = { kubernetes: { ...kubernetesHints(spec), expand_variables: expand } };
    const { metadata, spec: built, ...rest } = buildDeployment(identity, { ...spec, provider_hints: hints });
    if (name !== undefined) built!.template.spec!.containers[0]!.name = name;
    return { ...rest, metadata: { ...metadata, annotations: {} }, spec: built! };
  };
  // What does not change is shared with what it is given, and is altered below.
  const copy = structuredClone(live);
  const updated = carryOver(copy, manifest(acted.before, expanded), manifest(acted.after, expands)) as Deployment;
  const { template, strategy } = updated.spec!;
  // The one has no parameters, and the live one may have those of the other.
  if (strategy?.type === 'Recreate') updated.spec!.strategy = { type: 'Recreate' };
  // Kubernetes' default for it depends on the tag.
  const container = template.spec!.containers.find((each) => each.name === name);
  if (container && before.image.reference !== after.image.reference) delete container.imagePullPolicy;
  const { [variablesAnnotation]: _variables, ...kept } = annotations;
  updated.metadata = {
    ...updated.metadata,
    annotations: {
      ...kept,
      [specAnnotation]: encodeSpec(after),
      ...(acted.applied && { [hintsAnnotation]: 'applied' }),
      ...(!expands && { [variablesAnnotation]: 'literal' }),
      ...(isolated && { [isolationAnnotation]: 'true' }),
      ...(serviceRevision !== undefined && { [serviceRevisionAnnotation]: serviceRevision }),
    },
  };
  return updated;
}

/**
 * The specs with those hints that are acted upon. Those of a container that was made before any were stay without effect until
 * an update changes them.
 *
 * @param wereApplied - as the Deployment has it on record
 */
export function actedUpon({ before, after }: SpecChange, wereApplied: boolean): SpecChange & { applied: boolean } {
  const isTouched = !isDeepStrictEqual(kubernetesHints(before), kubernetesHints(after));
  const applied = wereApplied || isTouched;
  return {
    before: wereApplied ? before : withoutHints(before),
    after: applied ? after : withoutHints(after),
    applied,
  };
}

/** The spec as if it had no hints. */
export function withoutHints({ provider_hints: _hints, ...spec }: ContainerSpec): ContainerSpec {
  return spec;
}

/**
 * What `live` becomes; undefined where it goes. Lists of objects with names are merged by those: items of neither manifest,
 * which somebody else added, come last.
 *
 * @param before - the manifest that it was made of
 * @param after - the manifest that it is to be made of
 */
export function carryOver(live: unknown, before: unknown, after: unknown): unknown {
  if (isDeepStrictEqual(before, after)) return live;
  if (isObject(live) && isObject(before ?? {}) && isObject(after)) return mergeMembers(live, before ?? {}, after);
  if (isNamed(live) && isNamed(before ?? []) && isNamed(after ?? [])) {
    const items = mergeItems(live, (before ?? []) as Named[], (after ?? []) as Named[]);
    return items.length > 0 ? items : after;
  }
  return after;
}

function mergeMembers(live: Record<string, unknown>, before: object, after: Record<string, unknown>): unknown {
  const members = new Map(Object.entries(live));
  const manifest = before as Record<string, unknown>;
  for (const name of new Set([...Object.keys(manifest), ...Object.keys(after)])) {
    const value = carryOver(live[name], manifest[name], after[name]);
    if (value === undefined) members.delete(name);
    else members.set(name, value);
  }
  return Object.fromEntries(members);
}

interface Named {
  name: string;
}

function isNamed(value: unknown): value is Named[] {
  return Array.isArray(value) && value.every((item) => isObject(item) && typeof item.name === 'string');
}

function mergeItems(live: readonly Named[], before: readonly Named[], after: readonly Named[]): unknown[] {
  const byName = (items: readonly Named[], name: string) => items.find((item) => item.name === name);
  const items = after.map((item) => carryOver(byName(live, item.name), byName(before, item.name), item) ?? item);
  const others = live.filter(({ name }) => !byName(before, name) && !byName(after, name));
  return [...items, ...others];
}
