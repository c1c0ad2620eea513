/**
 * Problem documents in either form, for tests that are written once: SP_TEST_PROBLEM_TYPES names the form that providers
 * serve, and what is read here is the form of names.
 */
import { AssertionError } from 'node:assert';
import type { Schemas } from '../../generated/client.ts';
import { maxViolations } from '../../src/containers/errors.ts';
import type { ProblemTypes } from '../../src/http/contract/problem-forms.ts';

export type NamedProblem = Schemas['NamedProblem'];
type UriProblem = Schemas['UriProblem'];
type Told = Pick<UriProblem, 'detail' | 'pointer' | 'parameter'>;
type Violation = Schemas['Violation'];

/** Of the providers that tests and fuzzing start. */
export const problemTypes: ProblemTypes = process.env['SP_TEST_PROBLEM_TYPES'] === 'uris' ? 'uris' : 'names';

const base = 'https://dcm-project.github.io/problems/';
const fixedDetail = 'multiple validation errors, see the errors array for details';

/**
 * The problem as the form of names tells it; who refuses several violations at once is not to be known.
 *
 * @param served - as the provider is to serve it, and the document describes it
 * @throws AssertionError where what the document cannot say about the form of URIs does not hold
 */
export function asNamed(served: unknown): NamedProblem {
  if (problemTypes === 'names') return served as NamedProblem;
  const { type, title, status, detail, instance, errors, ...place } = served as UriProblem;
  const isUnavailable = type === `${base}unavailable`;
  require(isUnavailable === (status === 503), `${status} has the type ${type}`);
  const isSingle = 'pointer' in place || 'parameter' in place;
  require(!(isSingle && errors), 'tells one violation and several');
  require(!errors || detail === fixedDetail, `says ${detail} of several violations`);
  if (errors) requireResourcesFirst(errors);
  const only = isSingle ? withoutPlace({ detail, ...place }) : undefined;
  const violations = only ? [only.violation] : errors?.map((each) => withoutPlace(each).violation);
  return {
    type: isUnavailable
      ? 'INTERNAL'
      : (type.slice(base.length).replace('-', '_').toUpperCase() as NamedProblem['type']),
    title: isUnavailable ? 'Internal error' : title,
    status,
    detail: violations ? `${only?.refusal ?? ''}${summaryOf(violations)}` : detail,
    ...(instance !== undefined && { instance }),
    ...(violations && { errors: violations }),
  };
}

/** Takes the place out of the words, before which may be said who refuses. */
function withoutPlace({ detail, pointer: fragment, parameter }: Told): { refusal: string; violation: Violation } {
  const pointer = fragment === undefined ? undefined : decodeURIComponent(fragment.slice(1));
  const words = pointer === undefined ? parameter! : pathOf(pointer);
  const at = detail.startsWith(`${words} `) ? 0 : detail.indexOf(` ${words} `) + 1;
  require(detail.slice(at).startsWith(`${words} `), `does not name ${words} in its words: ${detail}`);
  require(!detail.includes(' /spec/'), `names a place by its pointer in its words: ${detail}`);
  const rest = detail.slice(at + words.length + 1).replace(otherPlace, pointerOf);
  return {
    refusal: detail.slice(0, at),
    violation: {
      detail: rest,
      ...(pointer !== undefined && { pointer }),
      ...(parameter !== undefined && { parameter }),
    },
  };
}

/** A second one in the words. */
const otherPlace = /(?<= the same as )spec\.\S+$/;

function pointerOf(path: string): string {
  return `/${path.replaceAll(']', '').split(/[.[]/).join('/')}`;
}

function pathOf(pointer: string): string {
  let path = '';
  for (const segment of pointer.split('/').slice(1)) {
    const name = segment.replaceAll('~1', '/').replaceAll('~0', '~');
    if (/^[a-z_][a-z0-9_-]*$/i.test(name)) path += path === '' ? name : `.${name}`;
    else path += `[${name}]`;
  }
  return path === '' ? 'the body' : path;
}

function summaryOf([first, ...others]: Violation[]): string {
  const { detail, pointer, parameter } = first!;
  const place = parameter !== undefined ? `parameter ${parameter}` : pointer ? `field ${pointer}` : 'body';
  const count = others.length + 1 < maxViolations ? String(others.length) : `at least ${others.length}`;
  const more = others.length === 1 ? ' There is 1 other violation.' : ` There are ${count} other violations.`;
  return `The ${place} ${detail}.${others.length === 0 ? '' : more}`;
}

function requireResourcesFirst(errors: readonly Told[]): void {
  const lastOfResources = errors.findLastIndex(({ pointer = '' }) => pointer.startsWith('#/spec/resources'));
  const firstOfLabels = errors.findIndex(({ pointer = '' }) => pointer.startsWith('#/spec/metadata/labels'));
  require(firstOfLabels < 0 || lastOfResources < firstOfLabels, 'tells of labels before resources');
}

function require(holds: boolean, otherwise: string): void {
  if (!holds) throw new AssertionError({ message: `a problem ${otherwise}`, stackStartFn: asNamed });
}
