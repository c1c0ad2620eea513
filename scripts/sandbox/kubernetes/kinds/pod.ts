/** Pods. */
import { isDeepStrictEqual } from 'node:util';
import type { Pod } from '../objects.ts';
import { invalidValue } from '../validation/field-error.ts';
import { checkDns1123Subdomain } from '../validation/names.ts';
import { validatePodImages, validatePodSpec } from '../validation/pod-template.ts';
import type { Kind } from './kind.ts';
import { setPodSpecDefaults } from './pod-spec.ts';

export const podKind: Kind = {
  checkName: checkDns1123Subdomain,
  setDefaults(object) {
    const { spec } = Object.assign(object, { spec: object['spec'] ?? { containers: [] } }) as Pod;
    setPodSpecDefaults(spec);
    spec.enableServiceLinks ??= true;
    for (const { resources } of (spec.containers as Pod['spec']['containers'] | undefined) ?? []) {
      if (resources?.limits) resources.requests = { ...resources.limits, ...resources.requests };
    }
  },
  prepareForCreate(object) {
    const pod = object as Pod;
    pod.spec.serviceAccountName ??= 'default';
    pod.spec.serviceAccount = pod.spec.serviceAccountName;
    pod.status = { phase: 'Pending', qosClass: qosClassOf(pod) };
  },
  prepareForUpdate: (object, old) => void (object['status'] = old['status']),
  validate: (object) => {
    const { spec } = object as Pod;
    return [...validatePodSpec(spec, 'spec'), ...validatePodImages(spec)];
  },
  validateUpdate(object, old) {
    if (isDeepStrictEqual(immutablePart(object as Pod), immutablePart(old as Pod))) return [];
    const why =
      'pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)';
    return [{ ...invalidValue('spec', object['spec'], why), type: 'FieldValueForbidden' }];
  },
  countsGenerations: true,
  returnsDeleted: true,
};

function immutablePart({ spec }: Pod): unknown {
  const withoutImages = spec.containers.map((container) => ({ ...container, image: '' }));
  return { ...spec, containers: withoutImages, initContainers: undefined, tolerations: undefined };
}

function qosClassOf({ spec }: Pod): string {
  const resources = spec.containers.map((container) => container.resources ?? {});
  if (resources.every(({ limits, requests }) => !limits && !requests)) return 'BestEffort';
  const guaranteed = resources.every(
    ({ limits, requests }) =>
      ['cpu', 'memory'].every((name) => limits?.[name] !== undefined) && isDeepStrictEqual(limits, requests),
  );
  return guaranteed ? 'Guaranteed' : 'Burstable';
}
