/** Sends near-valid requests as a client does and judges the answers: against the document, and against what was sent. */
import { isDeepStrictEqual } from 'node:util';
import { conformingFetch } from '../contract/conformance.ts';
import { parseExactly } from '../../src/containers/json.ts';
import { mergePatch } from '../../src/containers/update.ts';
import { copyOf } from './near-valid.ts';
import type { Json, NearValidRequest } from './near-valid.ts';

interface CreatedContainer {
  id: string;
  spec: Record<string, Json>;
}

interface Problem {
  status: number;
  errors?: { pointer?: string; parameter?: string }[];
}

export interface VisitOptions {
  /** The cluster fails now and then: answers must be as the document says, and no more. */
  underFaults?: boolean;
  /** The objects that the cluster has of a container; absent: nobody looks. */
  objectsOf?: (containerId: string) => readonly string[];
}

/**
 * What is wrong with the answers; absent where nothing is. Each container that a request makes is read, compared with
 * what was sent, asked for again where the request has a key, and deleted again; of one that was only checked there must
 * be nothing.
 *
 * @param url - of the provider, without a path
 */
export async function findFault(
  url: string,
  request: NearValidRequest,
  options: VisitOptions = {},
): Promise<string | undefined> {
  try {
    await visit(`${url}/api/v1alpha1`, request, options);
    return undefined;
  } catch (error) {
    if (!(error instanceof Error)) return String(error);
    return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message;
  }
}

/** The request as it can be read and typed again. */
export function describeRequest({ method, target, headers, body }: NearValidRequest): string {
  return `${method} /api/v1alpha1${target} ${JSON.stringify(headers)} ${JSON.stringify(body?.slice(0, 4_000))}`;
}

async function visit(base: string, request: NearValidRequest, options: VisitOptions): Promise<void> {
  const { method, target, headers, body, validSpec, faultAt } = request;
  const { underFaults = false } = options;
  const checksOnly = method === 'POST' && new URL(base + target).searchParams.get('validate_only') === 'true';
  const send = (content = body) =>
    conformingFetch(base + target, { method, headers, ...(content !== undefined && { body: content }) });
  let response = await send();
  if (validSpec !== undefined && response.status === 409) {
    // An earlier case has left a container of this id.
    const { pathname, searchParams } = new URL(base + target);
    await conformingFetch(`${new URL(base).origin}${pathname}/${searchParams.get('id')}`, { method: 'DELETE' });
    response = await send();
  }
  const text = await response.text();
  if (checksOnly && response.status === 200)
    await checkNothingIsMade(base, JSON.parse(text) as CreatedContainer, options);
  if (underFaults) return;
  if (response.status >= 500) throw new Error(`was answered ${response.status}: ${text}`);
  if (response.status === 400) checkFaults(JSON.parse(text) as Problem, body);
  if (validSpec !== undefined && response.status !== (checksOnly ? 200 : 201))
    throw new Error(`is valid, and was answered ${response.status}: ${text}`);
  if (faultAt !== undefined) checkOnlyFault(faultAt, response.status, text);
  if (response.status !== 201 && !(checksOnly && response.status === 200)) return;
  const created = parseExactly(text) as CreatedContainer;
  const sent = (parseExactly(body ?? '') as { spec: Json }).spec;
  checkSpec(created, sent);
  if (checksOnly) return;
  if (headers['idempotency-key'] !== undefined) await checkRepeats(created, sent, send);
  await checkLifeOf(`${base}/containers/${created.id}`, sent);
}

function checkOnlyFault(faultAt: string, status: number, text: string): void {
  const pointers = status === 400 ? ((JSON.parse(text) as Problem).errors ?? []).map(({ pointer }) => pointer) : [];
  if (pointers.join() === faultAt) return;
  throw new Error(`is wrong at ${faultAt} alone, and was answered ${status}: ${text}`);
}

async function checkNothingIsMade(
  base: string,
  { id }: CreatedContainer,
  { underFaults = false, objectsOf = () => [] }: VisitOptions,
): Promise<void> {
  const objects = objectsOf(id);
  if (objects.length > 0) throw new Error(`was only to be checked, and there is ${objects.join(', ')}`);
  if (underFaults) return;
  const { status } = await conformingFetch(`${base}/containers/${id}`);
  if (status !== 404) throw new Error(`was only to be checked, and a read after it was answered ${status}`);
}

/** The same request again is answered with the same container, another one with the same key is refused. */
async function checkRepeats(
  { id }: CreatedContainer,
  sent: Json,
  send: (body?: string) => Promise<Response>,
): Promise<void> {
  const again = await send();
  const text = await again.text();
  const isReplay = again.status === 201 && again.headers.get('idempotency-replayed') === 'true';
  if (!isReplay) throw new Error(`was sent again, and was answered ${again.status}, not replayed: ${text}`);
  const repeated = parseExactly(text) as CreatedContainer;
  if (repeated.id !== id) throw new Error(`was sent again, and made ${repeated.id} beside ${id}`);
  checkSpec(repeated, sent);
  const other = await send(JSON.stringify({ spec: { ...(sent as object), 'x-other': 1 } }));
  if (other.status !== 422) throw new Error(`another request with its key was answered ${other.status}`);
}

function checkSpec({ spec }: CreatedContainer, sent: Json): void {
  if (isDeepStrictEqual(withoutReadOnly(spec), withoutReadOnly(sent))) return;
  throw new Error(`the spec came back as ${JSON.stringify(spec)}`);
}

async function checkLifeOf(url: string, sent: Json): Promise<void> {
  const read = await conformingFetch(url);
  if (read.status !== 200) throw new Error(`a read after 201 was answered ${read.status}`);
  checkSpec(parseExactly(await read.text()) as CreatedContainer, sent);
  await checkUpdate(url, sent);
  const deletion = await conformingFetch(url, { method: 'DELETE' });
  if (deletion.status !== 204) throw new Error(`a delete after 201 was answered ${deletion.status}`);
  const gone = await conformingFetch(url);
  if (gone.status !== 404) throw new Error(`a read after 204 was answered ${gone.status}`);
}

const patch =
  '{"spec": {"image": {"reference": "registry.example/patched:1"}, "network": null, "x-patched": {"a": 1.0}}}';

/** A merge patch makes of any valid spec what RFC 7396 says, and keeps the rest of it. */
async function checkUpdate(url: string, sent: Json): Promise<void> {
  const headers = { 'content-type': 'application/merge-patch+json' };
  const answer = await conformingFetch(url, { method: 'PATCH', headers, body: patch });
  const text = await answer.text();
  if (answer.status !== 200) throw new Error(`an update after 201 was answered ${answer.status}: ${text}`);
  const { spec } = mergePatch({ spec: sent }, parseExactly(patch)) as { spec: Json };
  checkSpec(parseExactly(text) as CreatedContainer, spec);
}

/** Without the fields that are the provider's, and with the one way to say that there is nothing. */
function withoutReadOnly(value: Json): Json {
  const spec = copyOf(value) as { metadata: Record<string, Json>; network?: Record<string, Json> };
  delete spec.metadata['namespace'];
  if (spec.network !== undefined) {
    delete spec.network['ip'];
    if (Array.isArray(spec.network['ports']) && spec.network['ports'].length === 0) delete spec.network['ports'];
    if (Object.keys(spec.network).length === 0) delete spec.network;
  }
  return spec;
}

/** Each fault must point at something: a parameter, or a place in the body, or one that is missing in an object that is there. */
function checkFaults({ errors = [] }: Problem, body: string | undefined): void {
  const pointers = errors.map(({ pointer }) => pointer).filter((pointer) => pointer !== undefined);
  if (pointers.length === 0 || body === undefined) return;
  const document = parse(body);
  if (document === undefined) return;
  for (const pointer of pointers) {
    const parent = pointer.slice(0, Math.max(0, pointer.lastIndexOf('/')));
    if (!exists(document, parent)) throw new Error(`a fault points to ${pointer}, and there is no ${parent}`);
  }
}

function exists(document: Json, pointer: string): boolean {
  let value: Json | undefined = document;
  for (const segment of pointer.split('/').slice(1)) {
    const name = segment.replaceAll('~1', '/').replaceAll('~0', '~');
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return false;
    value = (value as Record<string, Json>)[name];
  }
  return true;
}

function parse(text: string): Json | undefined {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return undefined;
  }
}
