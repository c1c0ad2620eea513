import { isReservedLabel } from '../../containers/rules.ts';
import { SPEC_ANNOTATION } from './labels.ts';
import type { Deployment } from '../api/resources.ts';
import { projectConditions, projectMetadata } from './project-object.ts';
import type { DeploymentRecord, Workload } from './records.ts';
import { decodeSpec } from './spec-annotation.ts';

const noEnvironment: ReadonlyMap<string, string> = new Map();

/** Absent for what is not a container's Deployment. */
export function projectDeployment({ metadata, spec, status }: Deployment): DeploymentRecord | undefined {
  const object = projectMetadata(metadata);
  if (object === undefined) return undefined;
  const container = spec?.template.spec?.containers[0];
  const environment = projectEnvironment(container?.env);
  const annotation = metadata?.annotations?.[SPEC_ANNOTATION];
  const asSent = annotation !== undefined && decodeSpec(annotation, environment) !== undefined;
  return {
    ...object,
    replicas: spec?.replicas ?? 1,
    conditions: projectConditions(status?.conditions),
    containerName: container?.name ?? '',
    environment,
    spec: asSent ? annotation : projectWorkload(metadata, container),
  };
}

type PodContainer = NonNullable<NonNullable<Deployment['spec']>['template']['spec']>['containers'][number];

/** Variables whose value comes from elsewhere in the cluster are left out: a client could not have sent them. */
function projectEnvironment(variables: PodContainer['env']): ReadonlyMap<string, string> {
  const plain = (variables ?? []).filter(({ valueFrom }) => valueFrom === undefined);
  return plain.length === 0 ? noEnvironment : new Map(plain.map(({ name, value }) => [name, value ?? '']));
}

function projectWorkload(metadata: Deployment['metadata'], container: PodContainer | undefined): Workload {
  const { image = '', command, args, ports, resources, name: containerName = '' } = container ?? {};
  const labels = Object.entries(metadata?.labels ?? {}).filter(([key]) => !isReservedLabel(key));
  return {
    labels: Object.fromEntries(labels),
    name: metadata?.generateName?.replace(/-+$/, '') || containerName,
    image,
    ...(command && { command }),
    ...(args && { args }),
    containerPorts: (ports ?? []).map(({ containerPort }) => containerPort),
    requests: resources?.requests ?? {},
    limits: resources?.limits ?? {},
  };
}
