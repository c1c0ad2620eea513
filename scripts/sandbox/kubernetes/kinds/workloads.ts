/** Deployments and ReplicaSets. */
import type { Deployment, ReplicaSet } from '../objects.ts';
import { checkDns1123Subdomain } from '../validation/names.ts';
import { validateDeployment, validateWorkload, validateWorkloadUpdate } from '../validation/workloads.ts';
import type { Kind } from './kind.ts';
import { setPodSpecDefaults } from './pod-spec.ts';

export const deploymentKind: Kind = {
  checkName: checkDns1123Subdomain,
  setDefaults(object) {
    setWorkloadDefaults(object as Deployment);
    const { spec } = object as Deployment;
    spec.revisionHistoryLimit ??= 10;
    spec.progressDeadlineSeconds ??= 600;
    spec.strategy ??= {};
    spec.strategy.type ??= 'RollingUpdate';
    if (spec.strategy.type === 'RollingUpdate') {
      spec.strategy.rollingUpdate ??= {};
      spec.strategy.rollingUpdate.maxSurge ??= '25%';
      spec.strategy.rollingUpdate.maxUnavailable ??= '25%';
    }
  },
  prepareForCreate: (object) => void (object['status'] = {}),
  prepareForUpdate: (object, old) => void (object['status'] = old['status']),
  validate: (object) => validateDeployment(object as Deployment),
  validateUpdate: (object, old) => validateWorkloadUpdate(object as Deployment, old as Deployment),
  countsGenerations: true,
  returnsDeleted: false,
};

export const replicaSetKind: Kind = {
  checkName: checkDns1123Subdomain,
  setDefaults: (object) => setWorkloadDefaults(object as ReplicaSet),
  prepareForCreate: (object) => void (object['status'] = { replicas: 0 }),
  prepareForUpdate: (object, old) => void (object['status'] = old['status']),
  validate: (object) => validateWorkload(object as ReplicaSet),
  validateUpdate: (object, old) => validateWorkloadUpdate(object as ReplicaSet, old as ReplicaSet),
  countsGenerations: true,
  returnsDeleted: false,
};

/** Fills in a spec, a template and a Pod spec where there are none, so that validation finds what they lack. */
function setWorkloadDefaults(object: Deployment | ReplicaSet): void {
  const given = object as { spec?: Partial<Deployment['spec']> };
  const spec = (given.spec ??= {});
  spec.replicas ??= 1;
  spec.template ??= {};
  spec.template.metadata ??= {};
  spec.template.spec ??= { containers: [] };
  setPodSpecDefaults(spec.template.spec);
}
