/** Services, and the cluster addresses and node ports that they are given. */
import { internalError, invalid } from '../api-error.ts';
import type { KubernetesObject, Service } from '../objects.ts';
import { services as resource } from '../resources.ts';
import type { Store } from '../store.ts';
import { invalidValue } from '../validation/field-error.ts';
import { checkDns1035Label } from '../validation/names.ts';
import { validateService, validateServiceUpdate } from '../validation/service.ts';
import type { Kind } from './kind.ts';

/** Node ports are taken from this range unless the sandbox is given another. */
export const defaultNodePorts = { first: 30000, last: 32767 };

export interface NodePortRange {
  first: number;
  last: number;
}

export const serviceKind: Kind = {
  checkName: checkDns1035Label,
  setDefaults(object) {
    const { spec } = Object.assign(object, { spec: object['spec'] ?? {} }) as Service;
    spec.type ??= 'ClusterIP';
    spec.sessionAffinity ??= 'None';
    for (const port of spec.ports ?? []) {
      port.protocol ??= 'TCP';
      port.targetPort ??= port.port;
    }
    if (spec.type === 'ExternalName') return;
    spec.internalTrafficPolicy ??= 'Cluster';
    if (spec.type === 'ClusterIP') return;
    spec.externalTrafficPolicy ??= 'Cluster';
    if (spec.type === 'LoadBalancer') spec.allocateLoadBalancerNodePorts ??= true;
  },
  prepareForCreate: (object) => void (object['status'] = { loadBalancer: {} }),
  prepareForUpdate(object, old) {
    object['status'] = old['status'];
    const [service, before] = [object as Service, old as Service];
    if (service.spec.type === 'ExternalName') return;
    const { clusterIP, clusterIPs, ipFamilies, ipFamilyPolicy } = before.spec;
    if (clusterIP !== undefined) service.spec.clusterIP ??= clusterIP;
    if (clusterIPs) service.spec.clusterIPs ??= clusterIPs;
    if (ipFamilies) service.spec.ipFamilies ??= ipFamilies;
    if (ipFamilyPolicy !== undefined) service.spec.ipFamilyPolicy ??= ipFamilyPolicy;
    keepNodePorts(service, before);
    dropNodePorts(service, before);
  },
  validate: (object) => validateService(object as Service),
  validateUpdate: (object, old) => validateServiceUpdate(object as Service, old as Service),
  countsGenerations: false,
  returnsDeleted: true,
};

/** An update that names no node ports keeps those that the ports of the same name have. */
function keepNodePorts(service: Service, before: Service): void {
  if (service.spec.type === 'ClusterIP') return;
  const given = new Set(service.spec.ports?.map(({ nodePort }) => nodePort));
  for (const port of service.spec.ports ?? []) {
    const same = before.spec.ports?.find((each) => each.name === port.name);
    if (same?.nodePort !== undefined && !given.has(same.nodePort)) port.nodePort ??= same.nodePort;
  }
}

/** A Service that ceases to need node ports loses those that it had. */
function dropNodePorts(service: Service, before: Service): void {
  if (service.spec.type !== 'ClusterIP' || before.spec.type === 'ClusterIP') return;
  for (const port of service.spec.ports ?? []) {
    const same = before.spec.ports?.some((each) => each.port === port.port && each.nodePort === port.nodePort);
    if (same) delete port.nodePort;
  }
  delete service.spec.externalTrafficPolicy;
  delete service.spec.allocateLoadBalancerNodePorts;
}

/** Gives out cluster addresses and node ports, each to one Service at a time. */
export class ServiceAllocator {
  readonly #addresses = new Map<string, string>();
  readonly #nodePorts = new Map<number, string>();
  readonly #range: NodePortRange;
  #nextAddress = 10;
  #nextNodePort = 0;

  constructor(store: Store, range: NodePortRange) {
    this.#range = range;
    store.listen(resource, (event) => {
      if (event.previous) this.#release(event.previous.object as Service);
      if (event.type !== 'DELETED') this.#take(event.version.object as Service);
    });
  }

  /**
   * Fills in what the Service was not given yet. Alters the object; nothing is taken until the object is stored.
   *
   * @param options.isNew - then ports of one number share a node port, whatever their protocols
   * @throws ApiError 422 where what it asks for is another's, 500 where the range is used up
   */
  allocate(object: KubernetesObject, { isNew }: { isNew: boolean }): void {
    const service = object as Service;
    const { spec, metadata } = service;
    if (spec.type === 'ExternalName') return;
    this.#allocateAddress(service);
    if (spec.type === 'ClusterIP' || spec.allocateLoadBalancerNodePorts === false) return;
    const ports = spec.ports ?? [];
    const mine = new Set(ports.map((port) => port.nodePort));
    for (const [index, port] of ports.entries()) {
      if (port.nodePort === undefined) {
        const same = isNew ? ports.find((each) => each.port === port.port && each.nodePort !== undefined) : undefined;
        port.nodePort = same?.nodePort ?? this.#freeNodePort(mine);
        mine.add(port.nodePort);
      } else this.#checkNodePort(port.nodePort, index, metadata.name, metadata.uid);
    }
  }

  #allocateAddress(service: Service): void {
    const { spec, metadata } = service;
    if (spec.clusterIP === undefined) spec.clusterIP = this.#freeAddress();
    else if (spec.clusterIP !== 'None' && (this.#addresses.get(spec.clusterIP) ?? metadata.uid) !== metadata.uid) {
      const why = `failed to allocate IP ${spec.clusterIP}: provided IP is already allocated`;
      throw invalid(resource, metadata.name, [invalidValue('spec.clusterIPs', [spec.clusterIP], why)]);
    }
    spec.clusterIPs ??= [spec.clusterIP];
    spec.ipFamilies ??= ['IPv4'];
    spec.ipFamilyPolicy ??= 'SingleStack';
  }

  #freeAddress(): string {
    for (let tries = 0; tries < 2 ** 20; tries += 1) {
      const number = this.#nextAddress++ % 2 ** 20;
      const address = `10.${96 + (number >> 16)}.${(number >> 8) & 255}.${number & 255}`;
      if (!this.#addresses.has(address)) return address;
    }
    throw internalError('failed to allocate a serviceIP: range is full');
  }

  #freeNodePort(mine: ReadonlySet<number | undefined>): number {
    const size = this.#range.last - this.#range.first + 1;
    for (let tries = 0; tries < size; tries += 1) {
      const candidate = this.#range.first + (this.#nextNodePort++ % size);
      if (!this.#nodePorts.has(candidate) && !mine.has(candidate)) return candidate;
    }
    throw internalError('failed to allocate a nodePort: range is full');
  }

  #checkNodePort(port: number, index: number, name: string, uid: string): void {
    const field = `spec.ports[${index}].nodePort`;
    const { first, last } = this.#range;
    if (port < first || port > last) {
      const why = `provided port is not in the valid range. The range of valid ports is ${first}-${last}`;
      throw invalid(resource, name, [invalidValue(field, port, why)]);
    }
    if ((this.#nodePorts.get(port) ?? uid) === uid) return;
    throw invalid(resource, name, [invalidValue(field, port, 'provided port is already allocated')]);
  }

  #take({ spec, metadata }: Service): void {
    if (spec.clusterIP !== undefined) this.#addresses.set(spec.clusterIP, metadata.uid);
    for (const { nodePort } of spec.ports ?? [])
      if (nodePort !== undefined) this.#nodePorts.set(nodePort, metadata.uid);
  }

  #release({ spec }: Service): void {
    if (spec.clusterIP !== undefined) this.#addresses.delete(spec.clusterIP);
    for (const { nodePort } of spec.ports ?? []) if (nodePort !== undefined) this.#nodePorts.delete(nodePort);
  }
}
