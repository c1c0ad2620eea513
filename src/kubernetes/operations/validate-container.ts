/** Has the cluster check what a create would make, and makes nothing. */
import type { Container, ContainerSpec } from '../../containers/container.ts';
import { momentOf } from '../../clock.ts';
import { alreadyExists } from '../api/api-error.ts';
import { viewObjects } from '../objects/container.ts';
import { buildDeployment, projectDeployment } from '../objects/deployment.ts';
import type { DeploymentRecord } from '../objects/deployment.ts';
import { randomIncarnation } from '../objects/identity.ts';
import { buildServices, mixesPorts } from '../objects/service.ts';
import type { ClusterContext } from './cluster-context.ts';
import { explainTakenName, nameTakenByStranger, refuseTakenId } from './create-container.ts';

/**
 * The container as it would be, without its Services, which have no addresses before they are made. The admission of
 * Deployment and Services is asked, that of Pods is not.
 *
 * @throws what a create throws
 */
export async function validateContainer(
  context: ClusterContext,
  { id, spec }: { id: string; spec: ContainerSpec },
  signal: AbortSignal,
): Promise<Container> {
  const { api, namespace, externalServiceType, progressDeadlineSeconds } = context;
  const isolated = context.isolateInternalPorts && mixesPorts(spec);
  await refuseTakenId(context, id, signal);
  const identity = { id, incarnation: randomIncarnation(), namespace };
  const deployment = await tryDeployment();
  for (const service of buildServices(identity, spec, deployment, { externalServiceType, isolated })) {
    await api.create('services', service, { signal }, { dryRun: true });
  }
  const objects = { deployments: [deployment], services: [], pods: [] };
  return viewObjects(objects, { ...context.view, moment: momentOf(context.clock) })!.container;

  async function tryDeployment(): Promise<DeploymentRecord> {
    try {
      const provider = context.view.providerNames?.[0];
      const manifest = buildDeployment(identity, spec, { isolated, progressDeadlineSeconds, provider });
      const { metadata, ...rest } = await api.create('deployments', manifest, { signal }, { dryRun: true });
      // What is not stored has no version.
      return projectDeployment({ ...rest, metadata: { resourceVersion: '0', ...metadata } })!;
    } catch (error) {
      if (!alreadyExists(error)) throw error;
      await explainTakenName(context, id, { signal });
      throw nameTakenByStranger(id, error);
    }
  }
}
