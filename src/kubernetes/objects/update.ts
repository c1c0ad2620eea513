/** What an update makes of the Deployment that a container is. */
import { isDeepStrictEqual } from 'node:util';
import type { ContainerSpec } from '../../containers/container.ts';
import { kubernetesHints } from '../../containers/hints.ts';
import type { Deployment } from '../api/resources.ts';
import { carryOver } from './carry-over.ts';
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
