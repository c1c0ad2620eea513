/** Sends near-valid requests as a client does and judges the answers: against the document, and against what was sent. */
import { isDeepStrictEqual } from 'node:util';
import { conformingFetch } from '../../test/support/conformance.ts';
import type { Json, NearValidRequest } from './near-valid.ts';

interface CreatedContainer {
  id: string;
  spec: Record<string, Json>;
}

interface Problem {
  status: number;
  errors?: { pointer?: string; parameter?: string }[];
}

/**
 * What is wrong with the answers; absent where nothing is. Each container that a request makes is read, compared with
 * what was sent, and deleted again.
 *
 * @param url - of the provider, without a path
 * @param options.underFaults - the cluster fails now and then: answers must be as the document says, and no more
 */
export async function findFault(
  url: string,
  request: NearValidRequest,
  { underFaults = false }: { underFaults?: boolean } = {},
): Promise<string | undefined> {
  try {
    await visit(`${url}/api/v1alpha1`, request, underFaults);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** The request as it can be read and typed again. */
export function describeRequest({ method, target, headers, body }: NearValidRequest): string {
  return `${method} /api/v1alpha1${target} ${JSON.stringify(headers)} ${JSON.stringify(body?.slice(0, 4_000))}`;
}

async function visit(base: string, request: NearValidRequest, underFaults: boolean): Promise<void> {
  const { method, target, headers, body, validSpec } = request;
  const send = () => conformingFetch(base + target, { method, headers, ...(body !== undefined && { body }) });
  let response = await send();
  if (validSpec !== undefined && response.status === 409) {
    // An earlier case has left a container of this id.
    const { pathname, searchParams } = new URL(base + target);
    await conformingFetch(`${new URL(base).origin}${pathname}/${searchParams.get('id')}`, { method: 'DELETE' });
    response = await send();
  }
  const text = await response.text();
  if (underFaults) return;
  if (response.status >= 500) throw new Error(`was answered ${response.status}: ${text}`);
  if (response.status === 400) checkFaults(JSON.parse(text) as Problem, body);
  if (validSpec !== undefined && response.status !== 201)
    throw new Error(`is valid, and was answered ${response.status}: ${text}`);
  if (response.status !== 201) return;
  const created = JSON.parse(text) as CreatedContainer;
  const sent = (JSON.parse(body ?? '') as { spec: Json }).spec;
  await checkLifeOf(`${base}/containers/${created.id}`, created, sent);
}

async function checkLifeOf(url: string, created: CreatedContainer, sent: Json): Promise<void> {
  const read = await conformingFetch(url);
  if (read.status !== 200) throw new Error(`a read after 201 was answered ${read.status}`);
  for (const container of [created, (await read.json()) as CreatedContainer]) {
    const { spec } = container;
    if (!isDeepStrictEqual(withoutReadOnly(spec), withoutReadOnly(sent))) {
      throw new Error(`the spec came back as ${JSON.stringify(spec)}`);
    }
  }
  const deletion = await conformingFetch(url, { method: 'DELETE' });
  if (deletion.status !== 204) throw new Error(`a delete after 201 was answered ${deletion.status}`);
  const gone = await conformingFetch(url);
  if (gone.status !== 404) throw new Error(`a read after 204 was answered ${gone.status}`);
}

/** Without the fields that are the provider's, and with the one way to say that there is nothing. */
function withoutReadOnly(value: Json): Json {
  const spec = structuredClone(value) as { metadata: Record<string, Json>; network?: Record<string, Json> };
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
