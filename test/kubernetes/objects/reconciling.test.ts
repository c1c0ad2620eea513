import t from 'tap';

import { buildDeployment, projectDeployment } from '../../../src/kubernetes/objects/deployment.ts';
import { containerSpec } from '../../support/base-spec.ts';

const done = { observedGeneration: 2, replicas: 1, updatedReplicas: 1, availableReplicas: 1 };

const moments: Record<string, { status?: object; replicas?: number; reconciling: boolean }> = {
  'nobody has looked at the Deployment yet': { reconciling: true },
  'all Pods are made of the template and ready': { status: done, reconciling: false },
  'a later spec was not looked at yet': { status: { ...done, observedGeneration: 1 }, reconciling: true },
  'a Pod of the former template is still there': { status: { ...done, replicas: 2 }, reconciling: true },
  'the new Pod is not made yet': { status: { ...done, updatedReplicas: 0 }, reconciling: true },
  'the new Pod is not ready': { status: { ...done, availableReplicas: 0 }, reconciling: true },
  'more Pods were asked for by hand': { status: done, replicas: 3, reconciling: true },
  'it was scaled to zero by hand': { status: { observedGeneration: 2 }, replicas: 0, reconciling: false },
};

for (const [moment, { status, replicas = 1, reconciling }] of Object.entries(moments)) {
  t.test(`a container is ${reconciling ? '' : 'not '}reconciling while ${moment}`, (t) => {
    const identity = { id: 'web-1', incarnation: 'x', namespace: 'containers' };
    const { metadata, spec, ...made } = buildDeployment(identity, containerSpec());
    const deployment = {
      ...made,
      metadata: { ...metadata, uid: 'u', resourceVersion: '1', generation: 2 },
      spec: { ...spec!, replicas },
      ...(status && { status }),
    };
    t.equal(projectDeployment(deployment)!.reconciling === true, reconciling);
    t.end();
  });
}
