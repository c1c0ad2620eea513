/** Problem documents with URIs as types, beside those with names, which all other tests look at. */
import t from 'tap';
import {
  ConflictError,
  InvalidArgumentError,
  NotFoundError,
  UnavailableError,
} from '../../../src/containers/errors.ts';
import type { Violation } from '../../../src/containers/errors.ts';
import { problemAnswer, RequestError } from '../../../src/http/contract/problem.ts';

const base = 'https://dcm-project.github.io/problems/';

function problemOf(error: unknown) {
  return problemAnswer(error, '/x', 'uris').problem;
}

function invalid(...violations: Violation[]) {
  return problemOf(new InvalidArgumentError(undefined, violations));
}

function detailsOf(...pointers: string[]): string[] {
  const { errors = [] } = invalid(...pointers.map((pointer) => ({ detail: 'is odd', pointer })));
  return errors.map(({ detail }) => detail);
}

t.test('each status has a type and a title', (t) => {
  const cases: [error: unknown, type: string, title: string][] = [
    [new RequestError(400, 'x'), 'invalid-argument', 'Invalid argument'],
    [new RequestError(401, 'x'), 'unauthenticated', 'Unauthenticated'],
    [new RequestError(403, 'x'), 'permission-denied', 'Permission denied'],
    [new NotFoundError('x'), 'not-found', 'Not found'],
    [new RequestError(405, 'x'), 'invalid-argument', 'Invalid argument'],
    [new ConflictError('x'), 'already-exists', 'Already exists'],
    [new RequestError(422, 'x'), 'invalid-argument', 'Invalid argument'],
    [new Error('x'), 'internal', 'Internal error'],
    [new UnavailableError('x', 5), 'unavailable', 'Unavailable'],
  ];
  for (const [error, type, title] of cases) t.match(problemOf(error), { type: base + type, title });
  t.end();
});

t.test('what is no violation is told as it is', (t) => {
  const problem = problemOf(new NotFoundError('There is no container web.'));
  t.strictSame(problem, {
    type: `${base}not-found`,
    title: 'Not found',
    status: 404,
    detail: 'There is no container web.',
    instance: '/x',
  });
  t.end();
});

t.test('a second place is told in words too', (t) => {
  const pointer = '/spec/process/env/1/name';
  const { detail } = invalid({ detail: 'must not be the same as /spec/process/env/0/name', pointer });
  t.equal(detail, 'spec.process.env[1].name must not be the same as spec.process.env[0].name');
  t.end();
});

t.test('one violation stands at the top, with its place in words', (t) => {
  const common = { type: `${base}invalid-argument`, title: 'Invalid argument', status: 400, instance: '/x' };
  t.strictSame(invalid({ detail: 'must be >= 1', pointer: '/spec/resources/cpu/min' }), {
    ...common,
    detail: 'spec.resources.cpu.min must be >= 1',
    pointer: '#/spec/resources/cpu/min',
  });
  t.strictSame(invalid({ detail: 'must be an integer', parameter: 'max_page_size' }), {
    ...common,
    detail: 'max_page_size must be an integer',
    parameter: 'max_page_size',
  });
  t.strictSame(invalid({ detail: 'is required', pointer: '' }), {
    ...common,
    detail: 'the body is required',
    pointer: '#',
  });
  t.end();
});

t.test('who refuses is said before the only violation', (t) => {
  const violation = { detail: 'is taken', pointer: '/spec/network/ports/0' };
  const { detail } = problemOf(new InvalidArgumentError('The cluster refuses it.', [violation]));
  t.equal(detail, 'The cluster refuses it. spec.network.ports[0] is taken');
  t.end();
});

t.test('several violations are told one by one, under the words that are always the same', (t) => {
  const problem = invalid(
    { detail: 'must be given once', parameter: 'id' },
    { detail: 'is required', pointer: '/spec/image/reference' },
  );
  t.strictSame(problem, {
    type: `${base}invalid-argument`,
    title: 'Invalid argument',
    status: 400,
    detail: 'multiple validation errors, see the errors array for details',
    instance: '/x',
    errors: [
      { detail: 'id must be given once', parameter: 'id' },
      { detail: 'spec.image.reference is required', pointer: '#/spec/image/reference' },
    ],
  });
  t.end();
});

t.test('violations of labels come behind those of resources, and all others stay where they are', (t) => {
  const labels = '/spec/metadata/labels';
  t.strictSame(
    detailsOf(`${labels}/a`, '/spec/image', '/spec/resources/cpu/min', labels, '/spec/resources', '/spec/x'),
    [
      'spec.image is odd',
      'spec.resources.cpu.min is odd',
      'spec.resources is odd',
      'spec.metadata.labels.a is odd',
      'spec.metadata.labels is odd',
      'spec.x is odd',
    ],
  );
  t.strictSame(detailsOf('/spec/resources/cpu', `${labels}/a`), [
    'spec.resources.cpu is odd',
    'spec.metadata.labels.a is odd',
  ]);
  t.strictSame(detailsOf('/spec/metadata/labels_of_old', '/spec/resources/cpu'), [
    'spec.metadata.labels_of_old is odd',
    'spec.resources.cpu is odd',
  ]);
  t.end();
});

t.test('pointers are URI fragments, whatever members are called', (t) => {
  const cases: [pointer: string, fragment: string, words: string][] = [
    ['/spec/metadata/labels/a.b~1c', '#/spec/metadata/labels/a.b~1c', 'spec.metadata.labels[a.b/c]'],
    ['/spec/process/env/10/name', '#/spec/process/env/10/name', 'spec.process.env[10].name'],
    ['/a b/%/ü', '#/a%20b/%25/%C3%BC', '[a b][%][ü]'],
    ['/~0/#/?/"', '#/~0/%23/%3F/%22', '[~][#][?]["]'],
    ['/x/', '#/x/', 'x[]'],
    ['/\ud800', '#/%EF%BF%BD', '[\ud800]'],
  ];
  for (const [pointer, fragment, words] of cases) {
    t.match(invalid({ detail: 'is odd', pointer }), { pointer: fragment, detail: `${words} is odd` }, pointer);
  }
  t.end();
});
