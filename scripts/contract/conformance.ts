/** Whether answers are as the OpenAPI document says. Every HTTP test looks at its answers through this. */
import { AssertionError } from 'node:assert';
import type { ValidateFunction } from 'ajv';
import { basePathOf, loadContract, operationsOf } from '../../src/http/contract/document.ts';
import type { ResolvedOperation, Response as DeclaredResponse } from '../../src/http/contract/document.ts';
import { createAjv } from '../../src/http/contract/schema-compiler.ts';
import { problemMediaType, withProblemTypes } from '../../src/http/contract/problem-forms.ts';
import { asNamed, problemTypes } from './problem-types.ts';

export interface Answer {
  method: string;
  /** Path of the request, with or without a query; absent where the server could not know it. */
  path: string | undefined;
  status: number;
  headers: Headers;
  body: string;
}

const document = withProblemTypes(await loadContract(), problemTypes);
const prefix = basePathOf(document);
const operations = operationsOf(document);
const problemResponse = operations[0]!.responses.default!;
const ajv = createAjv();
const validators = new Map<object, ValidateFunction>();

/**
 * The `fetch` that tests call the service with: it rejects when the answer is not as the document says. Problem documents
 * are in the form of names, whatever is served.
 */
export const conformingFetch: typeof fetch = async (input, init) => {
  const request = new Request(input, init);
  const response = await fetch(request);
  // One that is followed has no end.
  const body = isText(response.headers) ? '' : await response.clone().text();
  assertConforms({
    method: request.method,
    path: new URL(request.url).pathname,
    status: response.status,
    headers: response.headers,
    body,
  });
  if (problemTypes === 'names' || body === '' || response.headers.get('content-type') !== problemMediaType)
    return response;
  const { status, statusText, headers } = response;
  return new Response(JSON.stringify(asNamed(JSON.parse(body))), { status, statusText, headers });
};

/** @throws AssertionError that says what is not as the document says */
export function assertConforms(answer: Answer): void {
  const violation = violationOf(answer);
  if (violation === undefined) return;
  const line = `${answer.method} ${answer.path ?? ''} ${answer.status}`;
  throw new AssertionError({ message: `${line}: ${violation}\n${answer.body}`, stackStartFn: assertConforms });
}

function violationOf(answer: Answer): string | undefined {
  if (!answer.headers.has('x-request-id')) return 'has no X-Request-Id';
  if (answer.status === 405 && !answer.headers.has('allow')) return 'has no Allow';
  if (answer.status === 503 && !/^[1-9]\d*$/.test(answer.headers.get('retry-after') ?? '')) return 'has no Retry-After';
  const operation = operationOf(answer);
  if (!operation && answer.status < 400) return isContractPath(answer.path) ? 'is no operation' : undefined;
  const responses = operation?.responses ?? { default: problemResponse };
  const declared = responses[String(answer.status)] ?? (answer.status < 400 ? undefined : responses.default);
  if (!declared) return 'is a status that is not declared';
  const body =
    answer.method === 'HEAD' ? (answer.body === '' ? undefined : 'has a body') : bodyViolation(answer, declared);
  return headerViolation(answer, declared) ?? body;
}

function isText(headers: Headers): boolean {
  return headers.get('content-type') === 'text/plain';
}

function isContractPath(path: string | undefined): boolean {
  return path?.startsWith(prefix) ?? false;
}

/** Literal paths win over those with parameters, as the specification wants. HEAD is answered as GET is. */
function operationOf({ method, path }: Answer): ResolvedOperation | undefined {
  if (path === undefined) return undefined;
  const [pathname] = path.split('?');
  const matching = operations.filter((operation) => patternOf(operation).test(pathname!));
  const literal = matching.filter((operation) => !operation.path.includes('{'));
  const custom = matching.filter((operation) => operation.path.includes(':'));
  return [literal, custom, matching]
    .find((candidates) => candidates.length > 0)
    ?.find((operation) => operation.method === (method === 'HEAD' ? 'GET' : method));
}

function patternOf(operation: ResolvedOperation): RegExp {
  return new RegExp(`^${prefix}${operation.path.replace(/\{\w+\}/g, '[^/]*')}$`);
}

function headerViolation({ headers }: Answer, declared: DeclaredResponse): string | undefined {
  const required = Object.entries(declared.headers ?? {}).filter(([, header]) => header.required);
  const missing = required.filter(([name]) => !headers.has(name)).map(([name]) => name);
  return missing.length > 0 ? `lacks ${missing.join(', ')}` : undefined;
}

function bodyViolation({ status, headers, body }: Answer, { content }: DeclaredResponse): string | undefined {
  const contentType = headers.get('content-type');
  if (!content) return body === '' && contentType === null ? undefined : 'has a body';
  const media = content[contentType ?? ''];
  if (!media) return `has the content type ${contentType}, not ${Object.keys(content).join(' or ')}`;
  if (isText(headers)) return undefined;
  const value: unknown = JSON.parse(body);
  let validate = validators.get(media.schema);
  if (!validate) validators.set(media.schema, (validate = ajv.compile(media.schema)));
  if (!validate(value)) return ajv.errorsText(validate.errors, { dataVar: 'body' });
  const told = (value as { status?: unknown }).status;
  return status >= 400 && told !== status ? `tells the status ${String(told)}` : undefined;
}
