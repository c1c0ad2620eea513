/** The labels and annotations by which the provider knows its objects, and the selectors made of them. */

export const MANAGED_BY_LABEL = 'dcm.project/managed-by';
export const INSTANCE_ID_LABEL = 'dcm.project/dcm-instance-id';
export const SERVICE_TYPE_LABEL = 'dcm.project/dcm-service-type';
/** A random value that tells the objects of one Deployment from those of an earlier one with the same id. */
export const INCARNATION_LABEL = 'dcm.project/dcm-incarnation';
/** The spec as the client sent it, in JSON, without the values of environment variables. */
export const SPEC_ANNOTATION = 'dcm.project/container-spec';

export type Labels = Record<string, string>;

/** What the selectors of Deployment and Service match: nothing that another incarnation of the id has. */
export function identityLabels(id: string, incarnation: string): Labels {
  return {
    [MANAGED_BY_LABEL]: 'dcm',
    [INSTANCE_ID_LABEL]: id,
    [SERVICE_TYPE_LABEL]: 'container',
    [INCARNATION_LABEL]: incarnation,
  };
}

/** Label selector for the objects of every container. */
export const everyContainer = `${MANAGED_BY_LABEL}=dcm,${SERVICE_TYPE_LABEL}=container,${INSTANCE_ID_LABEL}`;

/** Label selector for the objects of one container, whoever made them. */
export function oneContainer(id: string): string {
  return `${MANAGED_BY_LABEL}=dcm,${SERVICE_TYPE_LABEL}=container,${INSTANCE_ID_LABEL}=${id}`;
}

/** Label selector for the objects of one incarnation of a container. */
export function oneIncarnation(id: string, incarnation: string): string {
  return `${oneContainer(id)},${INCARNATION_LABEL}=${incarnation}`;
}
