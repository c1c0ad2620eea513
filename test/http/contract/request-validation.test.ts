/** Parameters of every place and kind that the contract may declare, and the paths of custom methods. */
import { fastify } from 'fastify';
import t from 'tap';
import { InvalidArgumentError, maxViolations } from '../../../src/containers/errors.ts';
import { routerUrl } from '../../../src/http/contract/document.ts';
import type { Parameter, ResolvedOperation } from '../../../src/http/contract/document.ts';
import { compileRequestValidation } from '../../../src/http/contract/request-validation.ts';

const parameters: Parameter[] = [
  { name: 'id', in: 'path', required: true, schema: { type: 'string', pattern: '^[a-z]+$' } },
  { name: 'size', in: 'query', schema: { type: 'integer', default: 5 } },
  { name: 'dry', in: 'query', schema: { type: 'boolean' } },
  { name: 'status', in: 'query', schema: { type: 'array', items: { type: 'string', enum: ['A', 'B'] } } },
  { name: 'Idempotency-Key', in: 'header', schema: { type: 'string', minLength: 1 } },
];
const validate = compileRequestValidation({
  operationId: 'X',
  method: 'GET',
  path: '/',
  parameters,
  responses: {},
  isOpen: false,
});

interface Sent {
  params?: object;
  query?: object;
  headers?: NodeJS.Dict<string[]>;
}

function arrived({ params = { id: 'a' }, query = {}, headers = {} }: Sent) {
  return { params, query, body: undefined, raw: { headersDistinct: headers } };
}

const accepted: Record<string, { sent: Sent; params?: object; query?: object; headers?: object }> = {
  'nothing but what is required': { sent: {}, query: { size: 5 } },
  'typed values': { sent: { query: { size: '7', dry: 'true' } }, query: { size: 7, dry: true } },
  'a list of one': { sent: { query: { status: 'A' } }, query: { size: 5, status: ['A'] } },
  'a list of two': { sent: { query: { status: ['A', 'B'] } }, query: { size: 5, status: ['A', 'B'] } },
  'a header under its own name': {
    sent: { headers: { 'idempotency-key': ['k'] } },
    headers: { 'Idempotency-Key': 'k' },
  },
  'lines of one header, which are one value': {
    sent: { headers: { 'idempotency-key': ['k', 'l'] } },
    headers: { 'Idempotency-Key': 'k, l' },
  },
  'unknown ones, which are dropped': { sent: { query: { more: '1' }, headers: { more: ['1'] } } },
};

for (const [name, { sent, params = { id: 'a' }, query = { size: 5 }, headers = {} }] of Object.entries(accepted)) {
  t.test(`accepts ${name}`, (t) => {
    t.same(validate(arrived(sent)), { params, query, headers, body: undefined });
    t.end();
  });
}

const refused: Record<string, { sent: Sent; violations: [parameter: string, detail: string][] }> = {
  'one of each place at once': {
    sent: { params: { id: 'A' }, query: { size: 'x' }, headers: { 'idempotency-key': [''] } },
    violations: [
      ['id', 'must match ^[a-z]+$'],
      ['size', 'must be an integer'],
      ['Idempotency-Key', 'must not be empty'],
    ],
  },
  'a number that is given twice': {
    sent: { query: { size: ['1', '2'] } },
    violations: [['size', 'must be given once']],
  },
  'yes for true': { sent: { query: { dry: 'yes' } }, violations: [['dry', 'must be true or false']] },
  'a list with what is not allowed': {
    sent: { query: { status: ['A', 'C'] } },
    violations: [['status', 'must be "A" or "B"']],
  },
};

for (const [name, { sent, violations }] of Object.entries(refused)) {
  t.test(`refuses ${name}`, (t) => {
    const expected = violations.map(([parameter, detail]) => ({ parameter, detail }));
    try {
      validate(arrived(sent));
      t.fail('accepted');
    } catch (error) {
      t.type(error, InvalidArgumentError);
      t.same((error as InvalidArgumentError).violations, expected);
    }
    t.end();
  });
}

const listOfNames: ResolvedOperation = {
  operationId: 'X',
  method: 'POST',
  path: '/',
  parameters: [],
  requestBody: {
    required: true,
    content: {
      'application/json': {
        schema: {
          type: 'object',
          properties: {
            items: { type: 'array', items: { type: 'object', properties: { name: { type: 'string' } } } },
            closed: { type: 'object', additionalProperties: false, properties: {} },
            map: { type: 'object', additionalProperties: { type: 'string' } },
          },
        },
      },
    },
  },
  responses: {},
  isOpen: false,
};

t.test('a body is looked at no further than violations are told', (t) => {
  const validateBody = compileRequestValidation(listOfNames);
  const violationsOf = (body: object): number => {
    try {
      validateBody({ params: {}, query: {}, body, raw: { headersDistinct: {} } });
      return 0;
    } catch (error) {
      return (error as InvalidArgumentError).violations.length;
    }
  };
  const count = 20 * maxViolations;
  let looks = 0;
  const item = {
    get name() {
      looks++;
      return 5;
    },
  };
  t.equal(violationsOf({ items: Array(count).fill(item) }), maxViolations);
  t.ok(looks < count / 2, `${looks} of ${count} items`);

  looks = 0;
  const members = Object.fromEntries(Array.from({ length: count }, (_, index) => [`m${index}`, 5]));
  const counted = new Proxy(members, { get: (target, name): unknown => (looks++, Reflect.get(target, name)) });
  t.equal(violationsOf({ map: counted }), maxViolations);
  t.ok(looks < count / 2, `${looks} of ${count} members`);

  t.equal(violationsOf({ closed: members }), maxViolations);
  t.equal(violationsOf({ items: Array(count).fill({ name: 'a' }).concat({ name: 5 }) }), 1);
  t.end();
});

t.test('a custom method has a path of its own beside that of the resource', async (t) => {
  const app = fastify();
  t.teardown(() => app.close());
  for (const path of ['/c/{id}', '/c/{id}:wait']) {
    app.get(routerUrl(path), (request) => ({ path, params: request.params }));
  }
  const get = async (url: string): Promise<unknown> => (await app.inject(url)).json();
  t.same(await get('/c/web-1'), { path: '/c/{id}', params: { id: 'web-1' } });
  t.same(await get('/c/web-1:wait'), { path: '/c/{id}:wait', params: { id: 'web-1' } });
  t.same(await get('/c/Web:wait'), { path: '/c/{id}', params: { id: 'Web:wait' } });
  t.same(await get('/c/:wait'), { path: '/c/{id}', params: { id: ':wait' } });
});
