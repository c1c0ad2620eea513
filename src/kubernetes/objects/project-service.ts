import type { ContainerService } from '../../containers/container.ts';
import type { Service } from '../api/resources.ts';
import { projectMetadata } from './project-object.ts';
import type { ServiceRecord } from './records.ts';

/** Absent for what is not a container's Service. */
export function projectService({ metadata, spec, status }: Service): ServiceRecord | undefined {
  const object = projectMetadata(metadata);
  if (object === undefined) return undefined;
  const ownerUid = metadata?.ownerReferences?.find(({ kind }) => kind === 'Deployment')?.uid;
  const address = status?.loadBalancer?.ingress?.[0];
  const externalIp = address?.ip ?? address?.hostname;
  return {
    ...object,
    ...(ownerUid !== undefined && { ownerUid }),
    service: {
      name: object.name,
      cluster_ip: spec?.clusterIP ?? '',
      type: serviceType(spec?.type),
      ...(externalIp !== undefined && { external_ip: externalIp }),
      ports: (spec?.ports ?? []).map(({ port, targetPort, nodePort, protocol }) => ({
        port,
        target_port: typeof targetPort === 'number' ? targetPort : port,
        ...(nodePort && { node_port: nodePort }),
        protocol: protocolOf(protocol),
      })),
    },
  };
}

function serviceType(type: string | undefined): ContainerService['type'] {
  return type === 'NodePort' || type === 'LoadBalancer' ? type : 'ClusterIP';
}

function protocolOf(protocol: string | undefined): 'TCP' | 'UDP' | 'SCTP' {
  return protocol === 'UDP' || protocol === 'SCTP' ? protocol : 'TCP';
}
