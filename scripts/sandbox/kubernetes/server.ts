/** The HTTP side: reads requests, lets faults meet them, and sends what the handlers answer. */
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { parse as parseYaml } from 'yaml';
import { ApiError, badRequest, internalError, methodNotAllowed, noSuchPath } from './api-error.ts';
import { cut } from './cut.ts';
import { unrecognized } from './decode.ts';
import { discoveryDocument, healthPaths } from './discovery.ts';
import { refusalError, type FaultAction, type Faults } from './faults.ts';
import { readLogOptions, streamLog, type PlayedLogs } from './logs.ts';
import { handle, isTrue, type ApiRequest, type HandlerParts } from './handlers.ts';
import { openApiDocument } from './openapi.ts';
import { parseResourcePath, type ResourcePath } from './paths.ts';
import type { RequestInfo, RequestLog, Verb } from './requests.ts';
import { startWatch } from './watch-stream.ts';

export interface ServerParts extends HandlerParts {
  faults: Faults;
  requests: RequestLog;
  logs: PlayedLogs;
  bookmarkMilliseconds: number;
  log: (message: string, fields: Record<string, unknown>) => void;
  /** Aborted when the server closes: nothing waits longer. */
  closing: AbortSignal;
}

/** What the API server takes before it says 413. */
const maximumBodyBytes = 3 * 1024 * 1024;

export function requestListener(parts: ServerParts): RequestListener {
  return (request, response) => {
    answer(request, response, parts).catch((error: unknown) => {
      if (response.destroyed || parts.closing.aborted) return;
      if (!(error instanceof ApiError)) parts.log('a request failed', { err: error });
      sendError(response, error instanceof ApiError ? error : internalError('the sandbox has a fault, see its log'));
    });
  };
}

async function answer(request: IncomingMessage, response: ServerResponse, parts: ServerParts): Promise<void> {
  const url = parseUrl(request.url ?? '/');
  if (!url) throw badRequest('the path of the request cannot be read');
  const path = parseResourcePath(url.pathname);
  const info = describeRequest(request, url, path);
  parts.requests.add(info);
  const action = parts.faults.meet(info);
  if (action && (await applyFault(action, response, parts))) return;
  if (action?.kind === 'drop-answer') dropInsteadOfAnswer(response);
  if (path) await answerResource(request, response, { ...path, ...info, path }, url, parts);
  else answerOther(request, response, url.pathname);
}

function parseUrl(target: string): URL | undefined {
  return URL.canParse(target, 'http://localhost') ? new URL(target, 'http://localhost') : undefined;
}

function describeRequest(request: IncomingMessage, url: URL, path: ResourcePath | undefined): RequestInfo {
  if (!path) return { verb: verbOf(request.method, true, false), resource: url.pathname, query: url.search };
  const { resource, subresource, namespace, name } = path;
  return {
    verb: verbOf(request.method, name !== '', isTrue(url.searchParams.get('watch'))),
    resource: subresource === '' ? resource.plural : `${resource.plural}/${subresource}`,
    ...(namespace !== '' && { namespace }),
    ...(name !== '' && { name }),
    query: url.search,
  };
}

function verbOf(method: string | undefined, named: boolean, watch: boolean): Verb {
  switch (method) {
    case 'POST':
      return 'create';
    case 'PUT':
      return 'update';
    case 'PATCH':
      return 'patch';
    case 'DELETE':
      return named ? 'delete' : 'deletecollection';
    default:
      return watch ? 'watch' : named ? 'get' : 'list';
  }
}

/** @returns whether the fault is all that happens to the request */
async function applyFault(action: FaultAction, response: ServerResponse, { closing }: ServerParts): Promise<boolean> {
  switch (action.kind) {
    case 'drop':
      cut(response.socket);
      return true;
    case 'hang':
      return true;
    case 'delay':
      await sleep(action.milliseconds, undefined, { signal: closing });
      return response.destroyed;
    case 'refuse': {
      if (action.retryAfter !== undefined) response.setHeader('Retry-After', String(action.retryAfter));
      if (action.body === undefined) sendError(response, refusalError(action));
      else send(response, action.code, action.body, action.contentType ?? 'text/plain; charset=utf-8');
      return true;
    }
    case 'drop-answer':
      return false;
  }
}

/** Lets everything happen but the answer. */
function dropInsteadOfAnswer(response: ServerResponse): void {
  const { socket } = response;
  response.writeHead = () => {
    cut(socket);
    return response;
  };
  response.end = () => response;
}

async function answerResource(
  request: IncomingMessage,
  response: ServerResponse,
  { path, verb }: { path: ResourcePath; verb: Verb },
  url: URL,
  parts: ServerParts,
): Promise<void> {
  checkMethod(request.method ?? '', path);
  const contentType = (request.headers['content-type'] ?? '').split(';')[0]?.trim().toLowerCase() ?? '';
  checkMediaTypes(verb, contentType, request.headers.accept ?? '');
  const body = parseBody(await readBody(request), contentType, verb, path);
  const apiRequest: ApiRequest = {
    ...path,
    verb,
    query: url.searchParams,
    accept: request.headers.accept ?? '',
    contentType,
    ...(body !== undefined && { body }),
  };
  if (path.subresource === 'log') {
    const options = readLogOptions(url.searchParams, path.name);
    const run = parts.logs.find(path, url.searchParams.get('container') ?? '', options);
    await streamLog(response, { run, place: path, options }, parts);
    return;
  }
  const result = handle(apiRequest, parts);
  if (result.kind === 'json') {
    for (const warning of result.warnings ?? []) {
      response.appendHeader('Warning', `299 - ${JSON.stringify(warning)}`);
    }
    send(response, result.code, result.json);
    return;
  }
  response.writeHead(200, { 'Content-Type': 'application/json' });
  response.flushHeaders();
  const { registry, faults, bookmarkMilliseconds } = parts;
  startWatch(response, result.query, {
    store: registry.store,
    faults,
    bookmarkMilliseconds,
    ...(result.format && { format: result.format }),
  });
}

function checkMethod(method: string, { name, namespace, resource, subresource }: ResourcePath): void {
  const collection = ['GET', ...(resource.namespaced && namespace === '' ? [] : ['POST', 'DELETE'])];
  const one = ['GET', 'PUT', 'PATCH', 'DELETE'];
  const other = subresource === 'log' ? ['GET'] : ['GET', 'PUT', 'PATCH'];
  const allowed = name === '' ? collection : subresource === '' ? one : other;
  if (!allowed.includes(method)) throw methodNotAllowed();
}

const patchTypes = ['application/merge-patch+json', 'application/strategic-merge-patch+json'];

function checkMediaTypes(verb: Verb, contentType: string, accept: string): void {
  if (verb === 'patch' && !patchTypes.includes(contentType)) {
    throw new ApiError(415, 'UnsupportedMediaType', '415: Unsupported Media Type', {});
  }
  // A body without a type is taken for JSON.
  const known = ['', 'application/json', 'application/yaml'].includes(contentType);
  if (!known && (verb === 'create' || verb === 'update' || verb === 'delete')) {
    const accepted = 'application/json, application/yaml, application/vnd.kubernetes.protobuf';
    const message = `the body of the request was in an unknown format - accepted media types include: ${accepted}`;
    throw new ApiError(415, 'UnsupportedMediaType', message);
  }
  const ranges = accept.split(',').map((range) => range.split(';')[0]?.trim() ?? '');
  if (accept === '' || ranges.some((range) => ['application/json', 'application/*', '*/*'].includes(range))) return;
  throw new ApiError(406, 'NotAcceptable', '406: Not Acceptable\n\nAvailable representations: application/json', {});
}

async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > maximumBodyBytes) {
      throw new ApiError(413, 'RequestEntityTooLarge', `Request entity too large: limit is ${maximumBodyBytes}`);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function parseBody(body: Buffer, contentType: string, verb: Verb, { resource }: ResourcePath): unknown {
  if (body.length === 0) {
    if (verb === 'create' || verb === 'update') throw unrecognized(resource, 'unexpected end of JSON input (<empty>)');
    if (verb === 'patch') throw badRequest('error decoding patch: unexpected end of JSON input');
    return undefined;
  }
  try {
    const text = body.toString();
    return contentType === 'application/yaml' ? parseYaml(text) : (JSON.parse(text) as unknown);
  } catch (error) {
    throw unrecognized(resource, error instanceof Error ? error.message : 'it does not parse');
  }
}

function answerOther(request: IncomingMessage, response: ServerResponse, path: string): void {
  if (healthPaths.has(path)) {
    send(response, 200, 'ok', 'text/plain; charset=utf-8');
    return;
  }
  const document = discoveryDocument(path, request.headers.host ?? '') ?? openApiDocument(path);
  if (document === undefined) {
    if (path.startsWith('/api')) throw noSuchPath();
    send(response, 404, '404 page not found\n', 'text/plain; charset=utf-8');
    return;
  }
  if (request.method !== 'GET' && request.method !== 'HEAD') throw methodNotAllowed();
  send(response, 200, JSON.stringify(document));
}

function sendError(response: ServerResponse, error: ApiError): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const seconds = error.details?.retryAfterSeconds;
  if (seconds !== undefined && !response.hasHeader('Retry-After')) response.setHeader('Retry-After', String(seconds));
  send(response, error.code, JSON.stringify(error.status));
}

function send(response: ServerResponse, code: number, body: string, contentType = 'application/json'): void {
  const bytes = Buffer.from(body);
  response.writeHead(code, { 'Content-Type': contentType, 'Content-Length': bytes.length });
  response.end(bytes);
}
