/**
 * Each field of a spec that the contract describes has its place everywhere: whoever adds one is told by name where it
 * is still missing.
 */
import { momentOf, systemClock } from '../../../src/clock.ts';
import fc from 'fast-check';
import t from 'tap';
import type { Test } from 'tap';

import { inlineReferences, loadContract, withoutReadOnly } from '../../../src/http/contract/document.ts';
import type { Schema } from '../../../src/http/contract/document.ts';
import type { ContainerSpec } from '../../../src/containers/container.ts';
import { findSpecViolations } from '../../../src/containers/rules.ts';
import { createAjv } from '../../../src/http/contract/schema-compiler.ts';
import { violationsOf } from '../../../src/kubernetes/translate-error.ts';
import { viewObjects } from '../../../src/kubernetes/objects/container.ts';
import { buildDeployment, projectDeployment } from '../../../src/kubernetes/objects/deployment.ts';
import { specAnnotation } from '../../../src/kubernetes/objects/identity.ts';
import { buildServices, projectService } from '../../../src/kubernetes/objects/service.ts';
import { copyOf, nearValidRequests } from '../../../scripts/fuzz/near-valid.ts';
import { containerSpecs } from '../../support/container-specs.ts';

const identity = { id: 'web', incarnation: 'bcdfghjklm', namespace: 'containers' };
const owner = { name: 'dcm-web', uid: 'u-1' };
const seed = 1;
/** What a client cannot choose, and what has tests of its own. */
const leftOut = ['/service_type', '/provider_hints'];
/** It decides the Service's type, which the operator chose as well: a refusal of that names nothing in the request. */
const unnamed: ReadonlySet<string> = new Set(['/network/ports/*/visibility']);
/** Where a list or a map has one more step, whatever it is called. */
const any = '*';

const document = await loadContract();
const schema = withoutReadOnly(inlineReferences(document, document.components!.schemas!['ContainerSpec'] as Schema));
const fields = leavesOf(schema).filter((field) => !leftOut.some((prefix) => field.startsWith(prefix)));
const validate = createAjv().compile(schema);
const specs = fc.sample(containerSpecs(), { numRuns: 500, seed });
const fuzzed = fc
  .sample(nearValidRequests('secret'), { numRuns: 1_000, seed })
  .flatMap(({ validSpec }) => validSpec ?? []);

t.test('the contract is walked down to its last fields', (t) => {
  t.ok(fields.length >= 12);
  for (const known of ['/image/reference', '/metadata/labels/*', '/network/ports/*/visibility', '/process/args/*']) {
    t.ok(fields.includes(known), known);
  }
  t.end();
});

for (const field of fields) {
  t.test(`spec${field}`, (t) => {
    t.ok(
      fuzzed.some((spec) => valuesAt(spec, field).length > 0),
      'is made by the near-valid requests of the fuzzer',
    );
    const pair = pairThatDiffers(field);
    t.ok(pair, 'is made, with different values, by containerSpecs() of the tests');
    if (pair) checkCluster(t, field, pair);
    if (pair) checkText(t, field, pair[0]);
    t.end();
  });
}

/** @param specs - two that differ in the field alone */
function checkCluster(t: Test, field: string, [spec, changed]: readonly [ContainerSpec, ContainerSpec]): void {
  const paths = differences(objectsOf(spec), objectsOf(changed));
  t.not(paths.length, 0, 'has a place in the Deployment or the Service');
  const rebuilt = [spec, changed].map((one) => valuesAt(rebuild(one), field));
  t.notSame(rebuilt[1], rebuilt[0], 'is rebuilt from objects that have no annotation');
  if (unnamed.has(field)) return;
  const pointers = paths.flatMap(({ resource, path }) =>
    violationsOf({ resource, name: 'dcm-web' }, [{ field: path, message: 'is wrong' }], changed).map(
      ({ pointer }) => pointer,
    ),
  );
  const isNamed = pointers.some((pointer) => pointer !== undefined && pointer !== '/spec' && isAbove(pointer, field));
  t.ok(isNamed, `is named where the cluster refuses it (${paths.map(({ path }) => path).join(', ')})`);
}

/** Half of a surrogate pair has no UTF-8, so that the cluster would run something else than what was sent. */
function checkText(t: Test, field: string, spec: ContainerSpec): void {
  if (typeof valuesAt(spec, field)[0] !== 'string') return;
  const broken = replaceFirst(spec, field.split('/').slice(1), '\ud800');
  const isRefused = !validate(broken) || findSpecViolations(broken).length > 0;
  t.ok(isRefused, 'is refused where it has half of a surrogate pair');
}

/** Pointers to everything that has no members of its own; {@link any} for each item of a list or member of a map. */
function leavesOf({ properties, items, additionalProperties }: Schema, prefix = ''): string[] {
  if (properties) return Object.entries(properties).flatMap(([name, member]) => leavesOf(member, `${prefix}/${name}`));
  if (items) return leavesOf(items, `${prefix}/${any}`);
  if (typeof additionalProperties === 'object') return leavesOf(additionalProperties, `${prefix}/${any}`);
  return [prefix];
}

function valuesAt(value: unknown, field: string): unknown[] {
  return field
    .split('/')
    .slice(1)
    .reduce<unknown[]>((found, step) => found.flatMap((one) => membersOf(one, step)), [value]);
}

function membersOf(value: unknown, step: string): unknown[] {
  if (typeof value !== 'object' || value === null) return [];
  if (step === any) return Object.values(value);
  return Object.hasOwn(value, step) ? [(value as Record<string, unknown>)[step]] : [];
}

/**
 * Two specs that differ in that field alone: the first value of one takes the place of the first of the other. Where a
 * value has no effect beside others, as `external` has none beside another external port, another pair is looked for.
 */
function pairThatDiffers(field: string): [ContainerSpec, ContainerSpec] | undefined {
  const pairs = pairsThatDiffer(field).take(50).toArray();
  return pairs.find(([spec, changed]) => differences(objectsOf(spec), objectsOf(changed)).length > 0) ?? pairs[0];
}

function* pairsThatDiffer(field: string): Generator<[ContainerSpec, ContainerSpec]> {
  const having = specs.filter((spec) => valuesAt(spec, field).length > 0);
  const values = having.flatMap((spec) => valuesAt(spec, field));
  for (const spec of having) {
    const [before] = valuesAt(spec, field);
    const value = values.find((other) => !isSame(other, before));
    if (value !== undefined) yield [spec, replaceFirst(spec, field.split('/').slice(1), value) as ContainerSpec];
  }
}

function replaceFirst(value: unknown, [step, ...rest]: string[], replacement: unknown): unknown {
  if (step === undefined) return replacement;
  const copy = copyOf(value) as Record<string, unknown>;
  const names = step === any ? Object.keys(copy) : [step];
  const name = names.find((one) => rest.length === 0 || valuesAt(copy[one], `/${rest.join('/')}`).length > 0)!;
  copy[name] = replaceFirst(copy[name], rest, replacement);
  return copy;
}

/** What a create makes, without the annotation that keeps the spec as it was sent. */
function objectsOf(spec: ContainerSpec) {
  const deployment = buildDeployment(identity, spec);
  const { [specAnnotation]: _sent, ...annotations } = deployment.metadata!.annotations!;
  deployment.metadata!.annotations = annotations;
  const services = buildServices(identity, spec, owner, { externalServiceType: 'LoadBalancer', isolated: false });
  return { deployments: deployment, services };
}

function rebuild(spec: ContainerSpec): ContainerSpec {
  const { deployments, services } = structuredClone(objectsOf(spec));
  const stored = { resourceVersion: '7', creationTimestamp: '2026-01-21T10:00:00Z' };
  Object.assign(deployments.metadata!, { uid: owner.uid, ...stored });
  for (const service of services) Object.assign(service.metadata!, { uid: `u-${service.metadata!.name}`, ...stored });
  const objects = {
    deployments: [projectDeployment(deployments)!],
    services: services.map((service) => projectService(service)!),
    pods: [],
  };
  return viewObjects(objects, { namespace: identity.namespace, moment: momentOf(systemClock) })!.container.spec;
}

interface Difference {
  resource: string;
  /** As errors of the API server name fields. */
  path: string;
}

function differences(before: ReturnType<typeof objectsOf>, after: ReturnType<typeof objectsOf>): Difference[] {
  const inDeployment = pathsThatDiffer(before.deployments, after.deployments);
  const [inService = []] = [before.services[0] ?? {}].map((service) =>
    pathsThatDiffer(service, after.services[0] ?? {}),
  );
  return [
    ...inDeployment.map((path) => ({ resource: 'deployments', path })),
    ...inService.map((path) => ({ resource: 'services', path })),
  ];
}

function pathsThatDiffer(before: unknown, after: unknown, path = ''): string[] {
  if (isSame(before, after)) return [];
  if (!isObject(before) || !isObject(after)) return [path];
  const names = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...names].flatMap((name) => {
    const next = Array.isArray(before) ? `${path}[${name}]` : path === '' ? name : `${path}.${name}`;
    return pathsThatDiffer(before[name], after[name], next);
  });
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

function isSame(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

/** Whether a pointer into the request is that of the field, or of what it is in. */
function isAbove(pointer: string, field: string): boolean {
  const steps = field.split('/').slice(1);
  const given = pointer.replace(/^\/spec\//, '').split('/');
  return given.length <= steps.length && given.every((step, index) => steps[index] === any || steps[index] === step);
}
