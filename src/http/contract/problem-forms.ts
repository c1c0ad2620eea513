/**
 * The two forms of problem documents (RFC 9457): types that are names, and types that are URIs, which DCM's providers have
 * since 2026-08 and which tell violations in another way as well.
 */
import type { components } from '../../../generated/api.ts';
import type { Violation } from '../../containers/errors.ts';
import { pointerSegments } from '../../containers/json.ts';
import type { MediaType, OpenApiDocument, Response } from './document.ts';

/** What the types of problem documents are. */
export type ProblemTypes = 'names' | 'uris';

export type Problem = components['schemas']['Problem'];
type NamedProblem = components['schemas']['NamedProblem'];
type UriProblem = components['schemas']['UriProblem'];

export const problemMediaType = 'application/problem+json';

/** What a problem document tells, whatever its form. */
export interface Failure {
  status: number;
  /** In the form of names. */
  detail: string;
  /** Who refuses what, as a sentence, where the violations alone do not say it. */
  refusal?: string | undefined;
  violations?: readonly Violation[] | undefined;
}

/** @param instance - URI reference of the request; absent where it could not be read */
export function buildProblem(types: ProblemTypes, failure: Failure, instance?: string): Problem {
  return types === 'names' ? buildNamedProblem(failure, instance) : buildUriProblem(failure, instance);
}

function buildNamedProblem({ status, detail, violations = [] }: Failure, instance?: string): NamedProblem {
  const type = nameOf(status);
  return {
    type,
    title: titles[type],
    status,
    detail,
    ...(instance !== undefined && { instance }),
    ...(violations.length > 0 && { errors: [...violations] }),
  };
}

/** Names have none for what is unavailable: there it is `INTERNAL`. */
type Kind = NamedProblem['type'] | 'UNAVAILABLE';

const titles: Record<Kind, string> = {
  INVALID_ARGUMENT: 'Invalid argument',
  NOT_FOUND: 'Not found',
  ALREADY_EXISTS: 'Already exists',
  UNAUTHENTICATED: 'Unauthenticated',
  PERMISSION_DENIED: 'Permission denied',
  UNAVAILABLE: 'Unavailable',
  INTERNAL: 'Internal error',
};

/** `https://dcm-project.github.io/problems/invalid-argument` for `INVALID_ARGUMENT`. */
function uriOf(kind: Kind): UriProblem['type'] {
  return `https://dcm-project.github.io/problems/${kind.toLowerCase().replace('_', '-')}` as UriProblem['type'];
}

/** All others are `INTERNAL` from 500 on, and `INVALID_ARGUMENT` below. */
const names: Readonly<Record<number, NamedProblem['type']>> = {
  401: 'UNAUTHENTICATED',
  403: 'PERMISSION_DENIED',
  404: 'NOT_FOUND',
  409: 'ALREADY_EXISTS',
};

function nameOf(status: number): NamedProblem['type'] {
  return names[status] ?? (status >= 500 ? 'INTERNAL' : 'INVALID_ARGUMENT');
}

/** Word for word what DCM's providers say. */
const severalViolations = 'multiple validation errors, see the errors array for details';

function buildUriProblem({ status, detail, refusal, violations = [] }: Failure, instance?: string): UriProblem {
  const kind = status === 503 ? 'UNAVAILABLE' : nameOf(status);
  const document = { type: uriOf(kind), title: titles[kind], status };
  const at = instance !== undefined && { instance };
  const [only, ...others] = resourcesBeforeLabels(violations).map(withPlace);
  if (only === undefined) return { ...document, detail, ...at };
  if (others.length > 0) return { ...document, detail: severalViolations, ...at, errors: [only, ...others] };
  return { ...document, ...only, detail: refusal === undefined ? only.detail : `${refusal} ${only.detail}`, ...at };
}

const labels = '/spec/metadata/labels';
const resources = '/spec/resources';

/** Violations of labels that stand before ones of resources go behind the last of these; all others stay where they are. */
function resourcesBeforeLabels(violations: readonly Violation[]): readonly Violation[] {
  const end = violations.findLastIndex((violation) => isWithin(violation, resources)) + 1;
  const [before, after] = [violations.slice(0, end), violations.slice(end)];
  const isLabel = (violation: Violation): boolean => isWithin(violation, labels);
  return [...before.filter((violation) => !isLabel(violation)), ...before.filter(isLabel), ...after];
}

function isWithin({ pointer = '' }: Violation, place: string): boolean {
  return pointer === place || pointer.startsWith(`${place}/`);
}

/** One violation with its place in its words, and its pointer as a URI fragment (RFC 6901, section 6). */
function withPlace({ detail, pointer, parameter }: Violation): Violation {
  if (pointer === undefined)
    return { detail: `${parameter ?? 'the request'} ${detail}`, ...(parameter && { parameter }) };
  const fragment = pointer.toWellFormed().split('/').map(encodeURIComponent).join('/');
  const told = detail.replace(otherPlace, pathOf);
  return { detail: `${pathOf(pointer)} ${told}`, pointer: `#${fragment}` };
}

/** Another field that the words about one name: `must not be the same as /spec/process/env/0/name`. */
const otherPlace = /(?<= )\/spec\/\S+/g;

/** As Kubernetes writes paths of fields: `spec.process.env[0].name`, `spec.metadata.labels[app.kubernetes.io/name]`. */
function pathOf(pointer: string): string {
  const path = pointerSegments(pointer).map((name) => (/^[A-Za-z_][\w-]*$/.test(name) ? `.${name}` : `[${name}]`));
  return path.length === 0 ? 'the body' : path.join('').replace(/^\./, '');
}

/** The document as it is served: with the form that problem documents have, in the schemas and in the examples alike. */
export function withProblemTypes(document: OpenApiDocument, types: ProblemTypes): OpenApiDocument {
  const { schemas = {}, responses = {} } = document.components ?? {};
  const { NamedProblem, UriProblem, Violation, ...others } = schemas;
  const chosen = types === 'names' ? { Problem: NamedProblem, Violation } : { Problem: UriProblem };
  const exemplified = Object.entries(responses as Record<string, Response>).map(([name, response]) => {
    const media = response.content?.[problemMediaType];
    if (media?.example === undefined) return [name, response] as const;
    const content = { [problemMediaType]: { ...media, example: exampleOf(media, types) } };
    return [name, { ...response, content }] as const;
  });
  return {
    ...document,
    components: {
      ...document.components,
      schemas: { ...others, ...chosen },
      responses: Object.fromEntries(exemplified),
    },
  };
}

/** The document has its examples in the form of names. */
function exampleOf({ example }: MediaType, types: ProblemTypes): Problem {
  const { instance, errors, ...told } = example as NamedProblem;
  return buildProblem(types, { ...told, violations: errors }, instance);
}
