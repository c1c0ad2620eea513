/**
 * The settings of Kubernetes that a client may ask for in `provider_hints.kubernetes`. Their shapes are the contract's;
 * here is what schemas cannot say, and which of them the operator lets callers use.
 */
import { posix } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { ContainerSpec } from './container.ts';
import { maxViolations } from './errors.ts';
import type { Violation } from './errors.ts';
import { arrayOf, escapePointer, findRepetitions, isObject, objectOf } from './json.ts';
import type { Json } from './json.ts';
import { labelKeyViolation, labelValueViolation } from './label-syntax.ts';
import { memoryBytes } from './units.ts';

export type KubernetesHints = NonNullable<NonNullable<ContainerSpec['provider_hints']>['kubernetes']>;

/** The kinds of volumes, each of which is allowed by itself. */
export const volumeKinds = ['empty_dir', 'config_map', 'secret', 'persistent_volume_claim'] as const;

/** What `SP_K8S_ALLOWED_HINTS` may name. */
export const hintNames = [
  'readiness_probe',
  'liveness_probe',
  'startup_probe',
  'security_context',
  'termination_grace_period_seconds',
  'node_selector',
  'tolerations',
  'image_pull_secrets',
  'service_annotations',
  'env_from_secrets',
  'volumes.empty_dir',
  'volumes.config_map',
  'volumes.secret',
  'volumes.persistent_volume_claim',
] as const;

/** Those that everybody may use: they change nothing but how the container's own values are read. */
const openHints = ['expand_variables'];

export type HintName = (typeof hintNames)[number];

/** These change nothing outside the container's own Pod, and give it no right that it does not have without them. */
export const defaultHints: readonly HintName[] = [
  'readiness_probe',
  'liveness_probe',
  'startup_probe',
  'security_context',
  'termination_grace_period_seconds',
];

/** What the operator lets callers use. */
export interface HintPolicy {
  hints: ReadonlySet<HintName>;
  /** Names of Secrets that `image_pull_secrets` may have. */
  pullSecrets: ReadonlySet<string>;
  /** Keys that `service_annotations` may have; `prefix/*` stands for all keys under the prefix. */
  serviceAnnotations: ReadonlySet<string>;
  /** Names that claims of volumes may have; `prefix*` stands for all names that begin so. */
  claims: ReadonlySet<string>;
}

export const defaultHintPolicy: HintPolicy = {
  hints: new Set(defaultHints),
  pullSecrets: new Set(),
  serviceAnnotations: new Set(),
  claims: new Set(),
};

/**
 * The policy for an update: a hint that stays what it is may stay, whatever is allowed by now.
 *
 * @param before - the spec that the container has, whose hints are acted upon
 * @param after - the spec that it is to have
 */
export function allowingUntouched(policy: HintPolicy, before: unknown, after: unknown): HintPolicy {
  const [had, has] = [hintsOf(objectOf(before)), hintsOf(objectOf(after))];
  const isUntouched = (hint: string) => had[hint] !== undefined && isDeepStrictEqual(had[hint], has[hint]);
  const untouched = hintNames.filter((name) => isUntouched(name.split('.')[0]!));
  const secrets = untouched.includes('image_pull_secrets') ? arrayOf(had.image_pull_secrets) : [];
  const annotations = untouched.includes('service_annotations') ? Object.keys(objectOf(had.service_annotations)) : [];
  const volumes = isUntouched('volumes') ? arrayOf(had.volumes).map(objectOf) : [];
  const claims = volumes.map((volume) => String(objectOf(volume.persistent_volume_claim).claim_name));
  return {
    claims: new Set([...policy.claims, ...claims]),
    hints: new Set([...policy.hints, ...untouched]),
    pullSecrets: new Set([...policy.pullSecrets, ...secrets.map((secret) => String(objectOf(secret).name))]),
    serviceAnnotations: new Set([...policy.serviceAnnotations, ...annotations]),
  };
}

/** Whether the hints for Kubernetes of two specs are the same. */
export function haveSameHints(one: unknown, other: unknown): boolean {
  return isDeepStrictEqual(hintsOf(objectOf(one)), hintsOf(objectOf(other)));
}

const base = '/spec/provider_hints/kubernetes';
const notAllowed = 'is not allowed by the operator of this provider';
const probeNames = ['readiness_probe', 'liveness_probe', 'startup_probe'] as const;
const probeActions = ['http_get', 'tcp_socket', 'grpc', 'exec'] as const;

/**
 * Violations of the hints of a `spec` as it was sent, `maxViolations` at most; unknown hints, and those of other providers,
 * are left alone.
 */
export function findHintViolations(spec: Json, policy: HintPolicy): Violation[] {
  const hints = hintsOf(spec);
  // Most have none, and to look for what is wrong with them would be a third of all that is looked at.
  if (Object.keys(hints).length === 0) return [];
  return rules
    .values()
    .flatMap((rule) => rule(hints, policy))
    .take(maxViolations)
    .toArray();
}

/** Lazy: looks further only when more is asked for. */
type Rule = (hints: Json, policy: HintPolicy) => Iterable<Violation>;

const rules: readonly Rule[] = [
  findForbiddenHints,
  findProbeViolations,
  findTextViolations,
  findNodeSelectorViolations,
  findTolerationViolations,
  findPullSecretViolations,
  findAnnotationViolations,
  findVolumeViolations,
];

/** The names of hints that nothing acts upon, for the log; at most ten, each cut to 63 characters. */
export function unknownHints(spec: unknown): string[] {
  const known = new Set([...openHints, ...hintNames.map((name) => name.split('.')[0]!)]);
  return Object.keys(hintsOf(objectOf(spec)))
    .filter((name) => !known.has(name))
    .slice(0, 10)
    .map((name) => name.slice(0, 63));
}

/** Whether a valid spec asks for a volume that one node alone may have. */
export function hasClaim(spec: ContainerSpec): boolean {
  return kubernetesHints(spec)?.volumes?.some((volume) => volume.persistent_volume_claim !== undefined) ?? false;
}

/** The hints for Kubernetes in a valid spec; absent where there are none, or where there is no object in their place. */
export function kubernetesHints(spec: ContainerSpec): KubernetesHints | undefined {
  const hints: unknown = spec.provider_hints?.kubernetes;
  return isObject(hints) ? hints : undefined;
}

function hintsOf(spec: Json): Json {
  return objectOf(objectOf(spec.provider_hints).kubernetes);
}

function findForbiddenHints(hints: Json, { hints: allowed }: HintPolicy): Violation[] {
  return hintNames
    .filter((name) => !name.includes('.') && hints[name] !== undefined && !allowed.has(name))
    .map((name) => ({ detail: notAllowed, pointer: `${base}/${name}` }));
}

function* findProbeViolations(hints: Json): Iterable<Violation> {
  for (const name of probeNames.filter((each) => isObject(hints[each]))) {
    const probe = objectOf(hints[name]);
    const actions = probeActions.filter((action) => probe[action] !== undefined);
    const pointer = `${base}/${name}`;
    if (actions.length !== 1) yield { detail: `must have exactly one of ${probeActions.join(', ')}`, pointer };
    if (name !== 'readiness_probe' && typeof probe.success_threshold === 'number' && probe.success_threshold !== 1) {
      yield { detail: 'must be 1', pointer: `${pointer}/success_threshold` };
    }
  }
}

/** Half of a surrogate pair has no UTF-8: the cluster would get something else than what was sent. */
function* findTextViolations(hints: Json): Iterable<Violation> {
  for (const [text, place] of textsOf(hints)) {
    if (typeof text !== 'string' || text.isWellFormed()) continue;
    yield { detail: 'must not have half of a surrogate pair', pointer: `${base}/${place}` };
  }
}

/** Texts that anything may stand in, each with its place. */
function* textsOf(hints: Json): Iterable<readonly [text: unknown, place: string]> {
  for (const name of probeNames) {
    const { exec, grpc } = objectOf(hints[name]);
    for (const [index, text] of arrayOf(objectOf(exec).command).entries())
      yield [text, `${name}/exec/command/${index}`];
    yield [objectOf(grpc).service, `${name}/grpc/service`];
  }
  const annotations = objectOf(hints.service_annotations);
  for (const key of Object.keys(annotations)) yield [annotations[key], `service_annotations/${escapePointer(key)}`];
}

function* findNodeSelectorViolations(hints: Json): Iterable<Violation> {
  const selector = objectOf(hints.node_selector);
  for (const key of Object.keys(selector)) {
    const value = selector[key];
    const pointer = `${base}/node_selector/${escapePointer(key)}`;
    if (labelKeyViolation(key) !== undefined) {
      yield { detail: 'must have a key in the syntax of Kubernetes labels', pointer };
    } else if (typeof value === 'string' && labelValueViolation(value) !== undefined) {
      yield { detail: 'must be in the syntax of the values of Kubernetes labels', pointer };
    }
  }
}

/** https://kubernetes.io/docs/concepts/scheduling-eviction/taint-and-toleration/ */
function* findTolerationViolations(hints: Json): Iterable<Violation> {
  for (const [index, item] of arrayOf(hints.tolerations).entries()) {
    const { key, operator = 'Equal', value, effect, toleration_seconds: seconds } = objectOf(item);
    const pointer = `${base}/tolerations/${index}`;
    if (typeof key === 'string' && labelKeyViolation(key) !== undefined) {
      yield { detail: 'must be in the syntax of the keys of Kubernetes labels', pointer: `${pointer}/key` };
    }
    if (key === undefined && operator !== 'Exists') {
      yield { detail: 'is required unless operator is Exists', pointer: `${pointer}/key` };
    }
    if (value !== undefined && operator === 'Exists') {
      yield { detail: 'must be absent where operator is Exists', pointer: `${pointer}/value` };
    } else if (typeof value === 'string' && labelValueViolation(value) !== undefined) {
      yield { detail: 'must be in the syntax of the values of Kubernetes labels', pointer: `${pointer}/value` };
    }
    if (seconds !== undefined && effect !== 'NoExecute') {
      yield { detail: 'goes with the effect NoExecute alone', pointer: `${pointer}/toleration_seconds` };
    }
  }
}

function* findPullSecretViolations(hints: Json, { hints: allowed, pullSecrets }: HintPolicy): Iterable<Violation> {
  if (!allowed.has('image_pull_secrets')) return;
  for (const [index, item] of arrayOf(hints.image_pull_secrets).entries()) {
    const { name } = objectOf(item);
    if (typeof name !== 'string' || pullSecrets.has(name)) continue;
    yield { detail: notAllowed, pointer: `${base}/image_pull_secrets/${index}/name` };
  }
}

function* findAnnotationViolations(
  hints: Json,
  { hints: allowed, serviceAnnotations }: HintPolicy,
): Iterable<Violation> {
  if (!allowed.has('service_annotations')) return;
  for (const key of Object.keys(objectOf(hints.service_annotations))) {
    const pointer = `${base}/service_annotations/${escapePointer(key)}`;
    if (labelKeyViolation(key) !== undefined) {
      yield { detail: 'must have a key in the syntax of Kubernetes annotations', pointer };
    } else if (!isAllowedAnnotation(key, serviceAnnotations)) {
      yield { detail: notAllowed, pointer };
    }
  }
}

/** Our own keys are never a client's, whatever the operator allows. */
function isAllowedAnnotation(key: string, allowed: ReadonlySet<string>): boolean {
  const prefix = key.slice(0, Math.max(key.indexOf('/'), 0));
  if (prefix === 'dcm.project') return false;
  return allowed.has(key) || (prefix !== '' && allowed.has(`${prefix}/*`));
}

function* findVolumeViolations(hints: Json, policy: HintPolicy): Iterable<Violation> {
  const volumes = arrayOf(hints.volumes).map(objectOf);
  const at = (index: number) => `${base}/volumes/${index}`;
  for (const [index, volume] of volumes.entries()) {
    yield* findVolumeKindViolations(volume, at(index), policy);
    yield* findSizeViolations(volume, at(index));
    yield* findMountPathViolations(volume.mount_path, `${at(index)}/mount_path`);
  }
  yield* findRepetitions(
    volumes.map(({ name }) => name),
    (index) => `${at(index)}/name`,
  );
  yield* findRepetitions(
    volumes.map(({ mount_path: path }) => (typeof path === 'string' ? posix.join(path, '/') : path)),
    (index) => `${at(index)}/mount_path`,
  );
}

function findVolumeKindViolations(volume: Json, pointer: string, { hints: allowed, claims }: HintPolicy): Violation[] {
  const kinds = volumeKinds.filter((kind) => volume[kind] !== undefined);
  const forbidden = kinds.filter((kind) => !allowed.has(`volumes.${kind}`));
  const { claim_name: claim } = objectOf(volume.persistent_volume_claim);
  const isForbiddenClaim =
    allowed.has('volumes.persistent_volume_claim') && typeof claim === 'string' && !isAllowedClaim(claim, claims);
  return [
    ...(kinds.length === 1 ? [] : [{ detail: `must have exactly one of ${volumeKinds.join(', ')}`, pointer }]),
    ...forbidden.map((kind) => ({ detail: notAllowed, pointer: `${pointer}/${kind}` })),
    ...(isForbiddenClaim ? [{ detail: notAllowed, pointer: `${pointer}/persistent_volume_claim/claim_name` }] : []),
  ];
}

function isAllowedClaim(name: string, allowed: ReadonlySet<string>): boolean {
  return allowed.values().some((each) => (each.endsWith('*') ? name.startsWith(each.slice(0, -1)) : name === each));
}

/** Kubernetes takes a limit of zero for none. */
function findSizeViolations(volume: Json, pointer: string): Violation[] {
  const { size_limit: size } = objectOf(volume.empty_dir);
  // Longer ones are refused by the schema; to compute them would cost time without bound.
  const isZero = typeof size === 'string' && size.length <= 12 && memoryBytes(size) === 0n;
  return isZero ? [{ detail: 'must be more than zero', pointer: `${pointer}/empty_dir/size_limit` }] : [];
}

/** Kubernetes refuses `:` in a path, and what lies over `/` would hide the image. */
function findMountPathViolations(path: unknown, pointer: string): Violation[] {
  if (typeof path !== 'string') return [];
  const segments = path.split('/').slice(1);
  if (segments.every((segment) => segment === '' || segment === '.')) {
    return [{ detail: 'must not be the root of the file system', pointer }];
  }
  return segments.includes('..') ? [{ detail: 'must not have ".." in it', pointer }] : [];
}
