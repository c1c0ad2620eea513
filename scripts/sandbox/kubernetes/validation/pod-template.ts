/** What the API asks of Pods and Pod templates, as far as the fields that a container service sets go. */
import type { V1Container, V1PodSpec } from '@kubernetes/client-node';
import type { Wire } from '../objects.ts';
import { parseQuantity } from '../quantity.ts';
import type { FieldError } from './field-error.ts';
import { duplicate, invalidValue, notSupported, required } from './field-error.ts';
import {
  checkDns1123Label,
  checkDns1123Subdomain,
  checkEnvironmentVariableName,
  checkPortName,
  checkPortNumber,
  checkQualifiedName,
} from './names.ts';

type Container = Wire<V1Container>;

/** What only Pods are asked and templates are not: a template may hold what no Pod can be made from. */
export function validatePodImages(spec: Wire<V1PodSpec>): FieldError[] {
  const containers = (spec.containers as Container[] | undefined) ?? [];
  return containers.flatMap(({ image = '' }, index) =>
    image === image.trim()
      ? []
      : [invalidValue(`spec.containers[${index}].image`, image, 'must not have leading or trailing whitespace')],
  );
}

export function validatePodSpec(spec: Wire<V1PodSpec>, field: string): FieldError[] {
  const errors: FieldError[] = [];
  const containers = (spec.containers as Container[] | undefined) ?? [];
  if (containers.length === 0) errors.push(required(`${field}.containers`));
  const names = new Set<string>();
  for (const [list, member] of [
    [containers, 'containers'],
    [spec.initContainers ?? [], 'initContainers'],
  ] as const) {
    for (const [index, container] of list.entries()) {
      const path = `${field}.${member}[${index}]`;
      errors.push(...validateContainer(container, path));
      if (names.has(container.name)) errors.push(duplicate(`${path}.name`, container.name));
      names.add(container.name);
    }
  }
  if (!['Always', 'OnFailure', 'Never'].includes(spec.restartPolicy ?? '')) {
    errors.push(notSupported(`${field}.restartPolicy`, spec.restartPolicy, ['Always', 'OnFailure', 'Never']));
  }
  for (const why of spec.serviceAccountName === undefined ? [] : checkDns1123Subdomain(spec.serviceAccountName)) {
    errors.push(invalidValue(`${field}.serviceAccountName`, spec.serviceAccountName, why));
  }
  return errors;
}

function validateContainer(container: Container, field: string): FieldError[] {
  const errors: FieldError[] = [];
  const name = (container.name as string | undefined) ?? '';
  if (name === '') errors.push(required(`${field}.name`));
  else errors.push(...checkDns1123Label(name).map((why) => invalidValue(`${field}.name`, name, why)));
  if (container.image === undefined) errors.push(required(`${field}.image`));
  return [
    ...errors,
    ...validateEnvironment(container, field),
    ...validateContainerPorts(container, field),
    ...validateResources(container, field),
    ...validatePullPolicy(container, field),
  ];
}

function validateEnvironment(container: Container, field: string): FieldError[] {
  return (container.env ?? []).flatMap((variable, index) => {
    const path = `${field}.env[${index}]`;
    const name = (variable.name as string | undefined) ?? '';
    const errors = name === '' ? [required(`${path}.name`)] : [];
    errors.push(
      ...(name === '' ? [] : checkEnvironmentVariableName(name)).map((why) => invalidValue(`${path}.name`, name, why)),
    );
    if (variable.valueFrom && variable.value !== undefined) {
      errors.push(invalidValue(`${path}.valueFrom`, '', 'may not be specified when `value` is not empty'));
    }
    return errors;
  });
}

function validateContainerPorts(container: Container, field: string): FieldError[] {
  const names = new Set<string>();
  return (container.ports ?? []).flatMap((port, index) => {
    const path = `${field}.ports[${index}]`;
    const errors: FieldError[] = [];
    if (port.name !== undefined) {
      const wrong = checkPortName(port.name);
      errors.push(...wrong.map((why) => invalidValue(`${path}.name`, port.name, why)));
      if (wrong.length === 0 && names.has(port.name)) errors.push(duplicate(`${path}.name`, port.name));
      names.add(port.name);
    }
    const number = (port.containerPort as number | undefined) ?? 0;
    if (number === 0) errors.push(required(`${path}.containerPort`));
    else errors.push(...checkPortNumber(number).map((why) => invalidValue(`${path}.containerPort`, number, why)));
    if (!['SCTP', 'TCP', 'UDP'].includes(port.protocol ?? '')) {
      errors.push(notSupported(`${path}.protocol`, port.protocol, ['SCTP', 'TCP', 'UDP']));
    }
    return errors;
  });
}

function validateResources(container: Container, field: string): FieldError[] {
  const errors: FieldError[] = [];
  const { limits = {}, requests = {} } = container.resources ?? {};
  for (const [member, quantities] of [
    ['limits', limits],
    ['requests', requests],
  ] as const) {
    for (const [name, text] of Object.entries(quantities)) {
      const path = `${field}.resources.${member}[${name}]`;
      errors.push(...checkResourceName(name).map((why) => invalidValue(path, name, why)));
      if ((parseQuantity(text)?.nanos ?? 0n) < 0n) {
        errors.push(invalidValue(path, text, 'must be greater than or equal to 0'));
      }
    }
  }
  for (const [name, text] of Object.entries(requests)) {
    const limit = limits[name];
    if (limit !== undefined && (parseQuantity(text)?.nanos ?? 0n) > (parseQuantity(limit)?.nanos ?? 0n)) {
      const why = `must be less than or equal to ${name} limit of ${limit}`;
      errors.push(invalidValue(`${field}.resources.requests`, text, why));
    }
  }
  return errors;
}

/** A resource of containers by its own name, or one of somebody's with a domain before it. */
function checkResourceName(name: string): string[] {
  const wrong = checkQualifiedName(name);
  if (wrong.length > 0 || name.includes('/')) return wrong;
  if (['cpu', 'memory', 'ephemeral-storage'].includes(name) || name.startsWith('hugepages-')) return [];
  return ['must be a standard resource type or fully qualified', 'must be a standard resource for containers'];
}

function validatePullPolicy(container: Container, field: string): FieldError[] {
  const policies = ['Always', 'IfNotPresent', 'Never'];
  if (container.imagePullPolicy !== undefined && policies.includes(container.imagePullPolicy)) return [];
  return [notSupported(`${field}.imagePullPolicy`, container.imagePullPolicy, policies)];
}
