/**
 * What a container must obey beyond its schema. The rules look at whatever a client sent, whether or not the schema holds
 * for it, and speak only of those parts that have the right type, so that a client learns all its faults at once.
 */
import type { Fault } from './errors.ts';
import { memoryBytes } from './units.ts';

type Rule = (spec: Json) => Fault[];

/** Members of an object; none of what is not an object. */
type Json = Readonly<Record<string, unknown>>;

/** A path of its own under the collection. */
const HEALTH = 'health';
const MEMORY_LIMIT = 1n << 63n;
/**
 * Levels of arrays and objects below a member of the spec: `JSON.stringify` takes room on the stack for each, and a
 * container that cannot be written as JSON could be neither kept nor listed.
 */
const MAX_DEPTH = 500;

/** Faults of an id that a client chose; `id` as it was sent, absent where it chose none. */
export function findIdFaults(id: unknown): Fault[] {
  return id === HEALTH ? [{ detail: `must not be "${HEALTH}", which is a path of its own`, parameter: 'id' }] : [];
}

/** Faults of `spec` as it was sent, with pointers into the body that it is a member of. */
export function findSpecFaults(spec: unknown): Fault[] {
  const members = objectOf(spec);
  return rules.flatMap((rule) => rule(members));
}

const rules: readonly Rule[] = [
  findLabelFaults,
  findCpuFaults,
  findMemoryFaults,
  findEnvironmentFaults,
  findPortFaults,
  findTextFaults,
  findDepthFaults,
];

function findLabelFaults(spec: Json): Fault[] {
  const labels = objectOf(objectOf(spec.metadata).labels);
  return Object.entries(labels).flatMap(([key, value]) => {
    const detail = labelKeyFault(key) ?? (typeof value === 'string' ? labelValueFault(value) : undefined);
    return detail === undefined ? [] : [{ detail, pointer: `/spec/metadata/labels/${escapePointer(key)}` }];
  });
}

const labelNamePattern = /^[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/;
const labelPrefixPattern = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const reservedLabelPrefixes = ['dcm.project/', 'service.kubernetes.io/'];
const reservedLabels = ['pod-template-hash'];

/** Whether a label is the cluster's or the provider's own, not one that a client may send. */
export function isReservedLabel(key: string): boolean {
  return reservedPrefixOf(key) !== undefined || reservedLabels.includes(key);
}

function reservedPrefixOf(key: string): string | undefined {
  return reservedLabelPrefixes.find((prefix) => key.startsWith(prefix));
}

function labelKeyFault(key: string): string | undefined {
  const reservedPrefix = reservedPrefixOf(key);
  if (reservedPrefix !== undefined) return `must not have a key under ${reservedPrefix}, which is reserved`;
  if (isReservedLabel(key)) return `must not have the key ${key}, which is reserved`;

  const slash = key.indexOf('/');
  const prefix = key.slice(0, Math.max(slash, 0));
  if (slash >= 0 && (prefix.length > 253 || !labelPrefixPattern.test(prefix))) {
    return 'must have a key whose prefix is a DNS name of at most 253 characters';
  }
  if (!labelNamePattern.test(key.slice(slash + 1))) {
    return 'must have a key of 1 to 63 letters, digits, "-", "_" and ".", with a letter or digit at either end';
  }
  return undefined;
}

function labelValueFault(value: string): string | undefined {
  return value === '' || labelNamePattern.test(value)
    ? undefined
    : 'must be empty or 1 to 63 letters, digits, "-", "_" and ".", with a letter or digit at either end';
}

function findCpuFaults(spec: Json): Fault[] {
  const { min, max } = objectOf(objectOf(spec.resources).cpu);
  if (typeof min !== 'number' || typeof max !== 'number' || min <= max) return [];
  return [{ detail: 'must be <= max', pointer: '/spec/resources/cpu/min' }];
}

function findMemoryFaults(spec: Json): Fault[] {
  const memory = objectOf(objectOf(spec.resources).memory);
  const bytes = { min: bytesOf(memory.min), max: bytesOf(memory.max) };
  const faults = (['min', 'max'] as const).flatMap((bound) => {
    const detail = memoryFault(bytes[bound]);
    return detail === undefined ? [] : [{ detail, pointer: `/spec/resources/memory/${bound}` }];
  });
  if (faults.length === 0 && bytes.min !== undefined && bytes.max !== undefined && bytes.min > bytes.max) {
    return [{ detail: 'must be <= max', pointer: '/spec/resources/memory/min' }];
  }
  return faults;
}

function memoryFault(bytes: bigint | undefined): string | undefined {
  if (bytes === 0n) return 'must be more than zero';
  if (bytes !== undefined && bytes >= MEMORY_LIMIT) return 'must be less than 2^63 bytes (8388608TB)';
  return undefined;
}

function bytesOf(amount: unknown): bigint | undefined {
  // Longer ones are refused by the schema; to compute them would cost time without bound.
  return typeof amount === 'string' && amount.length <= 12 ? memoryBytes(amount) : undefined;
}

function findEnvironmentFaults(spec: Json): Fault[] {
  const names = arrayOf(objectOf(spec.process).env).map((variable) => objectOf(variable).name);
  return findRepetitions(names, (index) => `/spec/process/env/${index}/name`);
}

function findPortFaults(spec: Json): Fault[] {
  const ports = arrayOf(objectOf(spec.network).ports).map((port) => objectOf(port).container_port);
  return findRepetitions(ports, (index) => `/spec/network/ports/${index}/container_port`);
}

/** Half of a surrogate pair has no UTF-8: the cluster would run something else than what was sent. */
function findTextFaults(spec: Json): Fault[] {
  const { command, args, env } = objectOf(spec.process);
  return [
    ...malformedTexts([objectOf(spec.image).reference], () => '/spec/image/reference'),
    ...malformedTexts(arrayOf(command), (index) => `/spec/process/command/${index}`),
    ...malformedTexts(arrayOf(args), (index) => `/spec/process/args/${index}`),
    ...malformedTexts(
      arrayOf(env).map((variable) => objectOf(variable).value),
      (index) => `/spec/process/env/${index}/value`,
    ),
  ];
}

function malformedTexts(values: readonly unknown[], pointerOf: (index: number) => string): Fault[] {
  return values.flatMap((value, index) =>
    typeof value !== 'string' || value.isWellFormed()
      ? []
      : [{ detail: 'must not have half of a surrogate pair', pointer: pointerOf(index) }],
  );
}

function findDepthFaults(spec: Json): Fault[] {
  return Object.entries(spec)
    .filter(([, value]) => isDeeperThan(MAX_DEPTH, value))
    .map(([name]) => ({
      detail: `must not be more than ${MAX_DEPTH} levels deep`,
      pointer: `/spec/${escapePointer(name)}`,
    }));
}

function isDeeperThan(levels: number, value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return levels === 0 || Object.values(value).some((member) => isDeeperThan(levels - 1, member));
}

/** One fault for each string or number that stands in the list before. */
function findRepetitions(values: readonly unknown[], pointerOf: (index: number) => string): Fault[] {
  const first = new Map<unknown, number>();
  const faults: Fault[] = [];
  for (const [index, value] of values.entries()) {
    if (typeof value !== 'string' && typeof value !== 'number') continue;
    const before = first.get(value);
    if (before === undefined) first.set(value, index);
    else faults.push({ detail: `must not be the same as ${pointerOf(before)}`, pointer: pointerOf(index) });
  }
  return faults;
}

/** A member's name as a segment of a JSON pointer (RFC 6901). */
export function escapePointer(name: string): string {
  return name.replaceAll('~', '~0').replaceAll('/', '~1');
}

function objectOf(value: unknown): Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : {};
}

function arrayOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
