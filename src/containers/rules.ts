/**
 * What a container must obey beyond its schema. The rules look at whatever a client sent, whether or not the schema holds
 * for it, and speak only of those parts that have the right type, so that a client learns all its violations at once.
 */
import { maxViolations } from './errors.ts';
import type { Violation } from './errors.ts';
import { arrayOf, escapePointer, findRepetitions, objectOf } from './json.ts';
import type { Json } from './json.ts';
import { imageReferenceViolation } from './image-reference.ts';
import { labelKeyViolation, labelValueViolation } from './label-syntax.ts';
import { defaultHintPolicy, findHintViolations } from './hints.ts';
import type { HintPolicy } from './hints.ts';
import { cpuMillicores, memoryBytes } from './units.ts';

/** Lazy, so that a body full of violations costs no more than those that are told. */
type Rule = (spec: Json, policy: HintPolicy) => Iterable<Violation>;

/** A path of its own under the collection. */
const healthId = 'health';
const memoryLimit = 1n << 63n;
const maxCores = 1_000_000;
/**
 * Levels of arrays and objects below a member: `JSON.stringify` takes room on the stack for each, and a
 * container that cannot be written as JSON could be neither kept nor listed.
 */
const maxDepth = 500;

/** Violations of an id that a client chose; `id` as it was sent, absent where it chose none. */
export function findIdViolations(id: unknown): Violation[] {
  return id === healthId ? [{ detail: `must not be "${healthId}", which is a path of its own`, parameter: 'id' }] : [];
}

/** Violations of a body that is to have a `spec`, as it was sent, `maxViolations` of the spec at most. */
export function findBodyViolations(body: unknown, policy: HintPolicy): Violation[] {
  const { spec, ...others } = objectOf(body);
  return [...findSpecViolations(spec, policy), ...findDepthViolations(others, '')];
}

/** Violations of a merge patch of a container, as it was sent; what it makes of one is for `findBodyViolations`. */
export function findPatchViolations(body: unknown): Violation[] {
  const { spec, ...others } = objectOf(body);
  return [...findDepthViolations(objectOf(spec), '/spec'), ...findDepthViolations(others, '')];
}

/** Violations of `spec` as it was sent, `maxViolations` at most, with pointers into the body that it is a member of. */
export function findSpecViolations(spec: unknown, policy: HintPolicy = defaultHintPolicy): Violation[] {
  const members = objectOf(spec);
  return rules
    .values()
    .flatMap((rule) => rule(members, policy))
    .take(maxViolations)
    .toArray();
}

const rules: readonly Rule[] = [
  findLabelViolations,
  findCpuViolations,
  findMemoryViolations,
  findEnvironmentViolations,
  findPortViolations,
  findTextViolations,
  findImageViolations,
  (spec) => findDepthViolations(spec, '/spec'),
  findHintViolations,
];

function* findLabelViolations(spec: Json): Iterable<Violation> {
  const labels = objectOf(objectOf(spec.metadata).labels);
  for (const key of Object.keys(labels)) {
    const value = labels[key];
    const detail = reservedOrMalformed(key) ?? (typeof value === 'string' ? labelValueViolation(value) : undefined);
    if (detail !== undefined) yield { detail, pointer: `/spec/metadata/labels/${escapePointer(key)}` };
  }
}

const reservedLabelPrefixes = ['dcm.project/', 'service.kubernetes.io/'];
const reservedLabels = ['pod-template-hash'];

/** Whether a label is the cluster's or the provider's own, not one that a client may send. */
export function isReservedLabel(key: string): boolean {
  return reservedPrefixOf(key) !== undefined || reservedLabels.includes(key);
}

function reservedPrefixOf(key: string): string | undefined {
  return reservedLabelPrefixes.find((prefix) => key.startsWith(prefix));
}

function reservedOrMalformed(key: string): string | undefined {
  const reservedPrefix = reservedPrefixOf(key);
  if (reservedPrefix !== undefined) return `must not have a key under ${reservedPrefix}, which is reserved`;
  if (isReservedLabel(key)) return `must not have the key ${key}, which is reserved`;
  return labelKeyViolation(key);
}

function findCpuViolations(spec: Json): Violation[] {
  const cpu = objectOf(objectOf(spec.resources).cpu);
  const millicores = { min: cpuMillicores(cpu.min), max: cpuMillicores(cpu.max) };
  const { min = 0, max = 0 } = millicores;
  if (isCpuInRange(min) && isCpuInRange(max)) {
    return min > max ? [{ detail: 'must be <= max', pointer: '/spec/resources/cpu/min' }] : [];
  }
  return (['min', 'max'] as const)
    .filter((bound) => typeof cpu[bound] === 'string' && (millicores[bound] ?? 0) > maxCores * 1_000)
    .map((bound) => ({ detail: `must be <= ${maxCores} cores`, pointer: `/spec/resources/cpu/${bound}` }));
}

/** What is not has a violation of its own already, which of integers the schema tells. */
function isCpuInRange(millicores: number): boolean {
  return millicores > 0 && millicores <= maxCores * 1_000;
}

function findMemoryViolations(spec: Json): Violation[] {
  const memory = objectOf(objectOf(spec.resources).memory);
  const bytes = { min: bytesOf(memory.min), max: bytesOf(memory.max) };
  const violations = (['min', 'max'] as const).flatMap((bound) => {
    const detail = memoryViolation(bytes[bound]);
    return detail === undefined ? [] : [{ detail, pointer: `/spec/resources/memory/${bound}` }];
  });
  if (violations.length === 0 && bytes.min !== undefined && bytes.max !== undefined && bytes.min > bytes.max) {
    return [{ detail: 'must be <= max', pointer: '/spec/resources/memory/min' }];
  }
  return violations;
}

function memoryViolation(bytes: bigint | undefined): string | undefined {
  if (bytes === 0n) return 'must be more than zero';
  if (bytes !== undefined && bytes >= memoryLimit) return 'must be less than 2^63 bytes (8388608TB)';
  return undefined;
}

function bytesOf(amount: unknown): bigint | undefined {
  // Longer ones are refused by the schema; to compute them would cost time without bound.
  return typeof amount === 'string' && amount.length <= 12 ? memoryBytes(amount) : undefined;
}

function findEnvironmentViolations(spec: Json): Iterable<Violation> {
  const names = arrayOf(objectOf(spec.process).env).map((variable) => objectOf(variable).name);
  return findRepetitions(names, (index) => `/spec/process/env/${index}/name`);
}

function findPortViolations(spec: Json): Iterable<Violation> {
  const ports = arrayOf(objectOf(spec.network).ports).map((port) => {
    const { container_port: number, protocol = 'TCP' } = objectOf(port);
    return typeof number === 'number' && typeof protocol === 'string' ? `${number}/${protocol}` : undefined;
  });
  return findRepetitions(ports, (index) => `/spec/network/ports/${index}/container_port`);
}

/** Half of a surrogate pair has no UTF-8: the cluster would run something else than what was sent. */
function* findTextViolations(spec: Json): Iterable<Violation> {
  const { command, args, env } = objectOf(spec.process);
  yield* malformedTexts([objectOf(spec.image).reference], () => '/spec/image/reference');
  yield* malformedTexts(arrayOf(command), (index) => `/spec/process/command/${index}`);
  yield* malformedTexts(arrayOf(args), (index) => `/spec/process/args/${index}`);
  const values = arrayOf(env).map((variable) => objectOf(variable).value);
  yield* malformedTexts(values, (index) => `/spec/process/env/${index}/value`);
}

function* malformedTexts(values: readonly unknown[], pointerOf: (index: number) => string): Iterable<Violation> {
  for (const [index, value] of values.entries()) {
    if (typeof value !== 'string' || value.isWellFormed()) continue;
    yield { detail: 'must not have half of a surrogate pair', pointer: pointerOf(index) };
  }
}

function findImageViolations(spec: Json): Violation[] {
  const { reference } = objectOf(spec.image);
  const detail = typeof reference === 'string' ? imageReferenceViolation(reference) : undefined;
  return detail === undefined ? [] : [{ detail, pointer: '/spec/image/reference' }];
}

function findDepthViolations(parent: Json, pointer: string): Violation[] {
  return Object.keys(parent)
    .filter((name) => isDeeperThan(maxDepth, parent[name]))
    .map((name) => ({
      detail: `must not be more than ${maxDepth} levels deep`,
      pointer: `${pointer}/${escapePointer(name)}`,
    }));
}

function isDeeperThan(levels: number, value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  if (levels === 0) return true;
  if (Array.isArray(value)) return value.some((item) => isDeeperThan(levels - 1, item));
  return Object.keys(value).some((name) => isDeeperThan(levels - 1, (value as Json)[name]));
}
