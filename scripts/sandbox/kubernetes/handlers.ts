/** What each verb does with a resource. Handlers know nothing of sockets: they return the JSON to send, or a watch to start. */
import {
  badRequest,
  invalid,
  invalidOptions,
  methodNotAllowed,
  unexpectedError,
  type StatusBody,
} from './api-error.ts';
import { decodeObject } from './decode.ts';
import { formatList, type Lists } from './list.ts';
import { isJsonObject, type Deployment, type JsonObject, type KubernetesObject, type ObjectInput } from './objects.ts';
import { mergePatch, strategicMergePatch } from './patch.ts';
import type { ResourcePath } from './paths.ts';
import type { DeleteOptions, Registry, WriteOptions } from './registry.ts';
import type { Verb } from './requests.ts';
import { apiVersionOf, type Resource } from './resources.ts';
import { both, everything, parseFieldSelector, parseLabelSelector, type Predicate } from './selectors.ts';
import { StoredVersion } from './store.ts';
import { formatTable, formatTableEvent, wantsTable } from './table.ts';
import { invalidValue, notSupported } from './validation/field-error.ts';
import type { FormatObject, WatchQuery } from './watch-stream.ts';

export interface ApiRequest extends ResourcePath {
  verb: Verb;
  query: URLSearchParams;
  accept: string;
  contentType: string;
  /** Parsed; absent where the request had none. */
  body?: unknown;
}

export type ApiAnswer =
  | { kind: 'json'; code: number; json: string; warnings?: string[] }
  | { kind: 'watch'; query: WatchQuery; format?: FormatObject };

export interface HandlerParts {
  registry: Registry;
  lists: Lists;
}

/** @throws ApiError */
export function handle(request: ApiRequest, parts: HandlerParts): ApiAnswer {
  const { verb, subresource } = request;
  if (subresource === 'scale') return handleScale(request, parts);
  switch (verb) {
    case 'get':
      return answerObject(request, parts.registry.get(request.resource, request.namespace, request.name));
    case 'list':
      return list(request, parts);
    case 'watch':
      return watch(request);
    case 'create':
      return create(request, parts);
    case 'update':
      return update(request, parts);
    case 'patch':
      return patch(request, parts);
    case 'delete':
      return remove(request, parts);
    case 'deletecollection':
      return removeAll(request, parts);
  }
}

function list(request: ApiRequest, { lists }: HandlerParts): ApiAnswer {
  const { resource, namespace, query } = request;
  const page = lists.page({
    resource,
    namespace,
    selects: selectorOf(request),
    limit: numberParameter(query, 'limit'),
    continueToken: query.get('continue') ?? '',
    resourceVersion: query.get('resourceVersion') ?? '',
    resourceVersionMatch: query.get('resourceVersionMatch') ?? '',
  });
  const json = wantsTable(request.accept) ? formatTable(resource, page.versions, page) : formatList(resource, page);
  return { kind: 'json', code: 200, json };
}

/** How long a watch lasts that names no time, in seconds. */
const defaultWatchSeconds = 1800;

function watch(request: ApiRequest): ApiAnswer {
  const { resource, namespace, query } = request;
  const version = query.get('resourceVersion') ?? '';
  if (!/^\d*$/.test(version)) {
    throw unexpectedError(
      `resourceVersion: Invalid value: ${JSON.stringify(version)}: strconv.ParseUint: parsing ${JSON.stringify(version)}: invalid syntax`,
    );
  }
  const initial = query.get('sendInitialEvents') === 'true';
  const watchQuery: WatchQuery = {
    resource,
    namespace,
    selects: selectorOf(request),
    ...(version !== '' && version !== '0' && !initial && { since: Number(version) }),
    sendInitialEvents: initial,
    bookmarks: isTrue(query.get('allowWatchBookmarks')),
    timeoutSeconds: numberParameter(query, 'timeoutSeconds') || defaultWatchSeconds,
  };
  if (!wantsTable(request.accept)) return { kind: 'watch', query: watchQuery };
  return { kind: 'watch', query: watchQuery, format: formatTableEvent(resource) };
}

function create(request: ApiRequest, { registry }: HandlerParts): ApiAnswer {
  const { resource, namespace } = request;
  const { object, warnings } = decodeBody(request, request.body);
  const created = registry.create(resource, namespace, object, writeOptions(request));
  return { ...answerObject(request, created, 201), warnings };
}

function update(request: ApiRequest, { registry }: HandlerParts): ApiAnswer {
  const { resource, namespace, name, subresource } = request;
  const { object, warnings } = decodeBody(request, request.body);
  const options = { ...writeOptions(request), subresource };
  return {
    ...answerObject(
      request,
      registry.update(resource, namespace, name, () => object, options),
    ),
    warnings,
  };
}

function patch(request: ApiRequest, { registry }: HandlerParts): ApiAnswer {
  const { resource, namespace, name, subresource } = request;
  const merge = request.contentType === 'application/merge-patch+json' ? mergePatch : strategicMergePatch;
  if (!isJsonObject(request.body))
    throw badRequest('error decoding patch: json: cannot unmarshal it into Go value of type map[string]interface {}');
  let warnings: string[] = [];
  const patched = registry.update(
    resource,
    namespace,
    name,
    (present) => {
      const decoded = decodeBody(request, merge(present, request.body));
      warnings = decoded.warnings;
      checkUid(resource, present, decoded.object);
      return decoded.object;
    },
    { ...writeOptions(request), subresource },
  );
  return { ...answerObject(request, patched), warnings };
}

/** A patch that sets another uid is invalid, where an update that does so conflicts. */
function checkUid(resource: Resource, { metadata }: KubernetesObject, patched: ObjectInput): void {
  const uid = patched.metadata?.uid;
  if (uid === metadata.uid) return;
  throw invalid(resource, metadata.name, [invalidValue('metadata.uid', uid ?? '', 'field is immutable')]);
}

function remove(request: ApiRequest, { registry }: HandlerParts): ApiAnswer {
  const { resource, namespace, name } = request;
  const removed = registry.delete(resource, namespace, name, deleteOptions(request));
  return removed instanceof StoredVersion ? answerObject(request, removed) : statusAnswer(removed);
}

function removeAll(request: ApiRequest, { registry, lists }: HandlerParts): ApiAnswer {
  const { resource, namespace } = request;
  const options = deleteOptions(request);
  const page = lists.page({
    resource,
    namespace,
    selects: selectorOf(request),
    limit: 0,
    continueToken: '',
    resourceVersion: '',
    resourceVersionMatch: '',
  });
  for (const { object } of page.versions) {
    registry.delete(resource, object.metadata.namespace ?? '', object.metadata.name, options);
  }
  return { kind: 'json', code: 200, json: formatList(resource, page) };
}

function handleScale(request: ApiRequest, { registry }: HandlerParts): ApiAnswer {
  const { verb, resource, namespace, name } = request;
  if (verb === 'get') return scaleAnswer(registry.get(resource, namespace, name));
  if (verb !== 'update' && verb !== 'patch') throw methodNotAllowed();
  const scaled = registry.update(
    resource,
    namespace,
    name,
    (present) => {
      const scale = scaleOf(present as Deployment);
      const wanted = verb === 'patch' ? mergePatch(scale, request.body) : request.body;
      const { replicas = 0 } = (wanted as { spec?: { replicas?: unknown } } | undefined)?.spec ?? {};
      if (typeof replicas !== 'number' || !Number.isInteger(replicas)) {
        throw badRequest('Scale in version "v1" cannot be handled as a Scale: spec.replicas is no integer');
      }
      const { metadata } = wanted as { metadata?: KubernetesObject['metadata'] };
      const copy = structuredClone(present) as Deployment;
      copy.spec.replicas = replicas;
      if (metadata?.resourceVersion !== undefined) copy.metadata.resourceVersion = metadata.resourceVersion;
      return copy;
    },
    writeOptions(request),
  );
  return scaleAnswer(scaled);
}

function scaleOf({ metadata, spec, status }: Deployment): JsonObject {
  const { name, namespace, uid, resourceVersion, creationTimestamp } = metadata;
  const labels = spec.selector.matchLabels ?? {};
  return {
    kind: 'Scale',
    apiVersion: 'autoscaling/v1',
    metadata: { name, namespace, uid, resourceVersion, creationTimestamp },
    spec: spec.replicas === 0 ? {} : { replicas: spec.replicas ?? 1 },
    status: {
      replicas: status?.replicas ?? 0,
      selector: Object.entries(labels)
        .map(([key, value]) => `${key}=${value}`)
        .join(','),
    },
  };
}

function scaleAnswer({ object }: StoredVersion): ApiAnswer {
  return { kind: 'json', code: 200, json: JSON.stringify(scaleOf(object as Deployment)) };
}

function answerObject(request: ApiRequest, version: StoredVersion, code = 200): ApiAnswer & { kind: 'json' } {
  const json = wantsTable(request.accept) ? formatTable(request.resource, [version]) : version.json;
  return { kind: 'json', code, json };
}

function statusAnswer(status: StatusBody): ApiAnswer {
  return { kind: 'json', code: 200, json: JSON.stringify(status) };
}

function decodeBody(request: ApiRequest, json: unknown): { object: ObjectInput; warnings: string[] } {
  const { resource, query, verb } = request;
  const apiVersion = apiVersionOf(resource);
  const { object, unknownFields } = decodeObject(resource, json, apiVersion);
  const messages = unknownFields.map((field) => `unknown field "${field}"`);
  const validation = query.get('fieldValidation') ?? '';
  if (!['', 'Ignore', 'Strict', 'Warn'].includes(validation)) {
    const wrong = notSupported('fieldValidation', validation, ['', 'Ignore', 'Strict', 'Warn']);
    throw invalidOptions(optionsKind(verb), wrong);
  }
  if (validation === 'Strict' && messages.length > 0) {
    const { kind, version } = resource;
    const why = `strict decoding error: ${messages.join(', ')}`;
    throw badRequest(`${kind} in version "${version}" cannot be handled as a ${kind}: ${why}`);
  }
  return { object, warnings: validation === 'Ignore' ? [] : messages };
}

function selectorOf({ query, name }: ApiRequest): Predicate {
  const labels = query.get('labelSelector') ?? '';
  const fields = query.get('fieldSelector') ?? '';
  const named: Predicate = name === '' ? everything : (object) => object.metadata.name === name;
  return both(both(parseLabelSelector(labels), parseFieldSelector(fields)), named);
}

/** The kind of a verb's options, as errors name it. */
function optionsKind(verb: Verb): string {
  const word = verb === 'deletecollection' ? 'delete' : verb;
  return `${word.charAt(0).toUpperCase()}${word.slice(1)}Options`;
}

function writeOptions({ query, verb }: ApiRequest): WriteOptions {
  const dryRun = query.getAll('dryRun').filter((value) => value !== '');
  if (dryRun.some((value) => value !== 'All')) {
    throw invalidOptions(optionsKind(verb), notSupported('dryRun', dryRun, ['All']));
  }
  return { dryRun: dryRun.length > 0 };
}

function deleteOptions(request: ApiRequest): DeleteOptions {
  const { query } = request;
  const body = (isJsonObject(request.body) ? request.body : {}) as DeleteOptions & { dryRun?: unknown; kind?: unknown };
  if (body.kind !== undefined && body.kind !== 'DeleteOptions') {
    throw badRequest(`no kind ${JSON.stringify(body.kind)} is registered for the options of a deletion`);
  }
  const policy = body.propagationPolicy ?? query.get('propagationPolicy') ?? undefined;
  if (policy !== undefined && !['Background', 'Foreground', 'Orphan'].includes(policy)) {
    const supported = ['Foreground', 'Background', 'Orphan', 'nil'];
    throw invalidOptions('DeleteOptions', notSupported('propagationPolicy', policy, supported));
  }
  const grace =
    body.gracePeriodSeconds ??
    (query.has('gracePeriodSeconds') ? numberParameter(query, 'gracePeriodSeconds') : undefined);
  const dryRun = writeOptions(request).dryRun === true || (Array.isArray(body.dryRun) && body.dryRun.includes('All'));
  return {
    dryRun,
    ...(policy !== undefined && { propagationPolicy: policy as NonNullable<DeleteOptions['propagationPolicy']> }),
    ...(typeof grace === 'number' && { gracePeriodSeconds: grace }),
    ...(isJsonObject(body.preconditions) && { preconditions: body.preconditions }),
  };
}

function numberParameter(query: URLSearchParams, name: string): number {
  const text = query.get(name) ?? '';
  if (text === '') return 0;
  if (/^-?\d{1,15}$/.test(text)) return Math.max(0, Number(text));
  throw badRequest(`strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`);
}

/** As Go reads booleans in queries: everything but `false` and `0` is true when the parameter is there. */
export function isTrue(value: string | null): boolean {
  return value !== null && value !== 'false' && value !== '0';
}
