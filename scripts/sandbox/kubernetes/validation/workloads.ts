/** What the API asks of Deployments and ReplicaSets. */
import { isDeepStrictEqual } from 'node:util';
import type { Deployment, ReplicaSet } from '../objects.ts';
import { selectorMatches } from '../selectors.ts';
import type { FieldError } from './field-error.ts';
import { forbiddenField, invalidValue, notSupported, required } from './field-error.ts';
import { validateAnnotations, validateLabels } from './metadata.ts';
import { validatePodSpec } from './pod-template.ts';

type Workload = Deployment | ReplicaSet;

export function validateWorkload(object: Workload): FieldError[] {
  const { spec } = object;
  const errors: FieldError[] = [];
  if ((spec.replicas ?? 0) < 0) {
    errors.push(invalidValue('spec.replicas', spec.replicas, 'must be greater than or equal to 0'));
  }
  return [...errors, ...validateSelector(object), ...validateTemplate(object)];
}

export function validateDeployment(deployment: Deployment): FieldError[] {
  return [...validateWorkload(deployment), ...validateStrategy(deployment), ...validateDeadlines(deployment)];
}

export function validateWorkloadUpdate(object: Workload, old: Workload): FieldError[] {
  if (isDeepStrictEqual(object.spec.selector, old.spec.selector)) return [];
  return [invalidValue('spec.selector', object.spec.selector, 'field is immutable')];
}

function validateSelector({ kind, spec }: Workload): FieldError[] {
  const selector = spec.selector as Workload['spec']['selector'] | undefined;
  if (!selector) return [required('spec.selector')];
  const errors = validateLabels(selector.matchLabels, 'spec.selector.matchLabels');
  if (Object.keys(selector.matchLabels ?? {}).length + (selector.matchExpressions?.length ?? 0) === 0) {
    const why = `empty selector is invalid for ${kind.toLowerCase()}`;
    errors.push(invalidValue('spec.selector', selector, why));
  }
  return errors;
}

function validateTemplate({ spec }: Workload): FieldError[] {
  const errors: FieldError[] = [];
  const labels = spec.template?.metadata?.labels;
  const selector = spec.selector as Workload['spec']['selector'] | undefined;
  // No selector selects nothing; an empty one selects everything.
  if (!selector || !selectorMatches(selector, labels ?? {})) {
    const why = '`selector` does not match template `labels`';
    errors.push(invalidValue('spec.template.metadata.labels', labels ?? null, why));
  }
  errors.push(...validateLabels(spec.template?.metadata?.labels, 'spec.template.labels'));
  errors.push(...validateAnnotations(spec.template?.metadata?.annotations, 'spec.template.annotations'));
  const podSpec = spec.template?.spec ?? { containers: [] };
  errors.push(...validatePodSpec(podSpec, 'spec.template.spec'));
  if (podSpec.restartPolicy !== 'Always') {
    errors.push(notSupported('spec.template.spec.restartPolicy', podSpec.restartPolicy, ['Always']));
  }
  return errors;
}

function validateStrategy({ spec }: Deployment): FieldError[] {
  const strategy = spec.strategy ?? {};
  if (strategy.type === 'RollingUpdate') return [];
  if (strategy.type !== 'Recreate') return [notSupported('spec.strategy', strategy, ['Recreate', 'RollingUpdate'])];
  if (!strategy.rollingUpdate) return [];
  const why = "may not be specified when strategy `type` is 'Recreate'";
  return [forbiddenField('spec.strategy.rollingUpdate', why)];
}

function validateDeadlines({ spec }: Deployment): FieldError[] {
  const deadline = spec.progressDeadlineSeconds ?? 0;
  if (deadline > (spec.minReadySeconds ?? 0)) return [];
  return [invalidValue('spec.progressDeadlineSeconds', deadline, 'must be greater than minReadySeconds')];
}
