/** What the API asks of Services. */
import { isIP } from 'node:net';
import type { V1ServicePort } from '@kubernetes/client-node';
import type { Service, Wire } from '../objects.ts';
import type { FieldError } from './field-error.ts';
import { duplicate, forbiddenField, invalidValue, notSupported, required } from './field-error.ts';
import { validateLabels } from './metadata.ts';
import { checkDns1123Label, checkDns1123Subdomain, checkPortName, checkPortNumber } from './names.ts';

type ServicePort = Wire<V1ServicePort>;

const types = ['ClusterIP', 'ExternalName', 'LoadBalancer', 'NodePort'];

export function validateService(service: Service): FieldError[] {
  const { spec } = service;
  const ports = spec.ports ?? [];
  const errors: FieldError[] = [];
  if (ports.length === 0 && spec.clusterIP !== 'None' && spec.type !== 'ExternalName') {
    errors.push(required('spec.ports'));
  }
  errors.push(...ports.flatMap((port, index) => validatePort(port, `spec.ports[${index}]`, ports.length > 1)));
  errors.push(...validateDistinct(ports), ...validateLabels(spec.selector, 'spec.selector'));
  if (!types.includes(spec.type ?? '')) errors.push(notSupported('spec.type', spec.type, types));
  if (!['ClientIP', 'None'].includes(spec.sessionAffinity ?? '')) {
    errors.push(notSupported('spec.sessionAffinity', spec.sessionAffinity, ['ClientIP', 'None']));
  }
  for (const [index, address] of (
    spec.clusterIPs ?? (spec.clusterIP === undefined ? [] : [spec.clusterIP])
  ).entries()) {
    if (address === 'None' || isIP(address) !== 0) continue;
    const why = 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)';
    errors.push(invalidValue(`spec.clusterIPs[${index}]`, address, why));
  }
  if (spec.type === 'ExternalName') {
    const name = spec.externalName?.replace(/\.$/, '') ?? '';
    if (name === '') errors.push(required('spec.externalName'));
    else errors.push(...checkDns1123Subdomain(name).map((why) => invalidValue('spec.externalName', name, why)));
  }
  if (spec.type === 'ClusterIP') {
    for (const [index, port] of ports.entries()) {
      if ((port.nodePort ?? 0) === 0) continue;
      errors.push(forbiddenField(`spec.ports[${index}].nodePort`, "may not be used when `type` is 'ClusterIP'"));
    }
  }
  return errors;
}

export function validateServiceUpdate(service: Service, old: Service): FieldError[] {
  const { clusterIP } = service.spec;
  if (old.spec.type === 'ExternalName' || old.spec.clusterIP === clusterIP) return [];
  if (service.spec.type === 'ExternalName') return [];
  return [invalidValue('spec.clusterIPs[0]', [clusterIP], 'may not change once set')];
}

function validatePort(port: ServicePort, field: string, several: boolean): FieldError[] {
  const errors: FieldError[] = [];
  if (port.name === undefined) {
    if (several) errors.push(required(`${field}.name`));
  } else errors.push(...checkDns1123Label(port.name).map((why) => invalidValue(`${field}.name`, port.name, why)));
  const number = (port.port as number | undefined) ?? 0;
  errors.push(...checkPortNumber(number).map((why) => invalidValue(`${field}.port`, number, why)));
  if (!['SCTP', 'TCP', 'UDP'].includes(port.protocol ?? '')) {
    errors.push(notSupported(`${field}.protocol`, port.protocol, ['SCTP', 'TCP', 'UDP']));
  }
  const target = port.targetPort ?? number;
  const wrongTarget = typeof target === 'number' ? checkPortNumber(target) : checkPortName(target);
  errors.push(...wrongTarget.map((why) => invalidValue(`${field}.targetPort`, target, why)));
  return errors;
}

function validateDistinct(ports: readonly ServicePort[]): FieldError[] {
  const names = new Set<string>();
  const numbers = new Set<string>();
  const nodePorts = new Set<string>();
  return ports.flatMap((port, index) => {
    const errors: FieldError[] = [];
    const field = `spec.ports[${index}]`;
    if (port.name !== undefined) {
      if (names.has(port.name)) errors.push(duplicate(`${field}.name`, port.name));
      names.add(port.name);
    }
    const number = `${port.protocol}/${port.port}`;
    if (numbers.has(number)) errors.push(duplicate(field, { protocol: port.protocol, port: port.port }));
    numbers.add(number);
    const nodePort = `${port.protocol}/${port.nodePort}`;
    if (port.nodePort && nodePorts.has(nodePort)) errors.push(duplicate(`${field}.nodePort`, port.nodePort));
    nodePorts.add(nodePort);
    return errors;
  });
}
