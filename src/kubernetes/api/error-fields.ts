/** From the fields of Kubernetes objects, as errors name them, to pointers into the request. */
import type { Fault } from '../../containers/errors.ts';
import type { ContainerSpec } from '../../containers/container.ts';
import { reachablePorts } from '../objects/build-service.ts';
import type { StatusCause } from './resources.ts';

type Pointer = (match: RegExpExecArray, spec: ContainerSpec) => string;

const podContainer = String.raw`^spec\.template\.spec\.containers\[0\]\.`;

/** The first pattern that matches a field gives its pointer. */
const pointers: readonly (readonly [pattern: RegExp, pointer: Pointer])[] = [
  [new RegExp(`${podContainer}image\\b`), () => '/spec/image/reference'],
  [new RegExp(`${podContainer}name\\b`), () => '/spec/metadata/name'],
  [
    new RegExp(`${podContainer}(command|args)(?:\\[(\\d+)\\])?`),
    ([, list, index]) => `/spec/process/${list}${item(index)}`,
  ],
  [
    new RegExp(`${podContainer}env\\[(\\d+)\\]\\.(name|value)$`),
    ([, index, name]) => `/spec/process/env/${index}/${name}`,
  ],
  [new RegExp(`${podContainer}env(?:\\[(\\d+)\\])?`), ([, index]) => `/spec/process/env${item(index)}`],
  [
    new RegExp(`${podContainer}ports\\[(\\d+)\\](\\.containerPort)?`),
    ([, index, port]) => `/spec/network/ports/${index}${port ? '/container_port' : ''}`,
  ],
  [new RegExp(`${podContainer}ports`), () => '/spec/network/ports'],
  [
    new RegExp(`${podContainer}resources\\.(requests|limits)(?:\\[|\\.)(cpu|memory)`),
    ([, bound, kind]) => `/spec/resources/${kind}/${bound === 'requests' ? 'min' : 'max'}`,
  ],
  [new RegExp(`${podContainer}resources`), () => '/spec/resources'],
  [/^(spec\.template\.)?(metadata\.)?labels/, () => '/spec/metadata/labels'],
  [/^metadata\.annotations/, () => '/spec'],
  [/^spec\.ports\[(\d+)\]/, ([, index], spec) => `/spec/network/ports/${reachablePorts(spec)[Number(index)] ?? index}`],
  [/^spec\.ports/, () => '/spec/network/ports'],
];

function item(index: string | undefined): string {
  return index === undefined ? '' : `/${index}`;
}

/**
 * One fault for each different thing that the cluster found wrong. A field that is not made from the request keeps its
 * Kubernetes name, in the detail.
 */
export function faultsOf(causes: readonly StatusCause[], spec: ContainerSpec): Fault[] {
  const faults = causes.map(({ field = '', message = 'is invalid' }) => {
    const pointer = pointerOf(field, spec);
    if (pointer !== undefined) return { detail: message, pointer };
    return { detail: field === '' ? message : `${field}: ${message}` };
  });
  const different = new Map(faults.map((fault) => [`${fault.pointer ?? ''} ${fault.detail}`, fault]));
  return [...different.values()];
}

function pointerOf(field: string, spec: ContainerSpec): string | undefined {
  for (const [pattern, pointer] of pointers) {
    const match = pattern.exec(field);
    if (match) return pointer(match, spec);
  }
  return undefined;
}
