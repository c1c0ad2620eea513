/** Every cause of a failure gives a problem document, also where the application never sees the request. */
import t from 'tap';
import type { Test } from 'tap';
import { openRaw, sendRaw, startHttpServer } from '../support/http.ts';
import type { HttpServer } from '../support/http.ts';

const base = '/api/v1alpha1/containers';
const json = 'Content-Type: application/json\r\n';

function message(requestLine: string, headers = '', body = ''): string {
  return `${requestLine} HTTP/1.1\r\nHost: localhost\r\n${headers}\r\n${body}`;
}

function withBody(type: string, body: string): string {
  return message(`POST ${base}`, `${type}Content-Length: ${Buffer.byteLength(body)}\r\n`, body);
}

interface Expected {
  status: number;
  type?: string;
  detail?: RegExp;
  allow?: string;
  /** The target that was sent where it is not given; null where the answer has none. */
  instance?: string | null;
}

async function expectProblem(
  t: Test,
  server: HttpServer,
  name: string,
  sent: string,
  expected: Expected,
): Promise<void> {
  const answer = await sendRaw(server.port, sent);
  t.equal(answer.status, expected.status, name);
  if (expected.allow !== undefined) t.equal(answer.headers.get('allow'), expected.allow, `${name}: Allow`);
  if (sent.startsWith('HEAD ')) return;
  t.match(answer.problem, { type: expected.type ?? 'INVALID_ARGUMENT', status: expected.status }, `${name}: problem`);
  const instance = expected.instance === undefined ? sent.split(' ')[1] : expected.instance;
  t.equal(answer.problem.instance ?? null, instance, `${name}: instance`);
  if (expected.detail) t.match(answer.problem.detail, expected.detail, `${name}: detail`);
}

async function expectProblems(t: Test, cases: Record<string, [sent: string, expected: Expected]>): Promise<void> {
  await using server = await startHttpServer();
  for (const [name, [sent, expected]] of Object.entries(cases)) await expectProblem(t, server, name, sent, expected);
  // Whatever was refused, the server serves on.
  t.equal((await server.client.GET('/containers/health')).response.status, 200);
}

t.test('paths and methods that there are not', (t) =>
  expectProblems(t, {
    'unknown path': [message('GET /nope'), { status: 404, type: 'NOT_FOUND' }],
    'path above the API': [message('GET /'), { status: 404, type: 'NOT_FOUND' }],
    'path below a container': [message(`GET ${base}/web-1/logs`), { status: 404, type: 'NOT_FOUND' }],
    'unknown path with an unusual method': [message('PROPFIND /nope'), { status: 404, type: 'NOT_FOUND' }],
    'unknown path with a method that wants a body': [message('QUERY /nope'), { status: 404, type: 'NOT_FOUND' }],
    'unknown path with a body of text': [
      message('POST /nope', 'Content-Type: text/plain\r\nContent-Length: 1\r\n', 'x'),
      { status: 404, type: 'NOT_FOUND' },
    ],
    'unknown path with half of an object': [
      message('POST /nope', `${json}Content-Length: 1\r\n`, '{'),
      { status: 404, type: 'NOT_FOUND' },
    ],
    'unknown path with too large a body': [
      message('POST /nope', `${json}Content-Length: 999999\r\n`),
      { status: 404, type: 'NOT_FOUND' },
    ],
    'PUT on the collection': [message(`PUT ${base}`), { status: 405, allow: 'GET, HEAD, POST' }],
    'OPTIONS on the collection': [message(`OPTIONS ${base}`), { status: 405, allow: 'GET, HEAD, POST' }],
    'HEAD on an unknown path': [message('HEAD /nope'), { status: 404 }],
    'PUT on a container': [message(`PUT ${base}/web-1`), { status: 405, allow: 'DELETE, GET, HEAD, PATCH' }],
    'PROPFIND on a container': [message(`PROPFIND ${base}/web-1`), { status: 405, allow: 'DELETE, GET, HEAD, PATCH' }],
    'TRACE on a container': [message(`TRACE ${base}/web-1`), { status: 405, allow: 'DELETE, GET, HEAD, PATCH' }],
    'DELETE on the health': [message(`DELETE ${base}/health`), { status: 405, allow: 'GET, HEAD' }],
    'POST on the document': [message('POST /openapi.json'), { status: 405, allow: 'GET, HEAD' }],
    "way out of the page's files": [
      message('GET /docs/static/%2e%2e/package.json'),
      { status: 403, type: 'PERMISSION_DENIED' },
    ],
    'POST with an empty id': [message(`POST ${base}/`), { status: 405, allow: 'DELETE, GET, HEAD, PATCH' }],
    'wrong method with a body that is not JSON': [
      message(`PUT ${base}`, `${json}Content-Length: 1\r\n`, '{'),
      { status: 405 },
    ],
    'a tunnel': [message('CONNECT localhost:80'), { status: 405 }],
  }),
);

t.test('a tunnel is a line of the log, as any request is', async (t) => {
  await using server = await startHttpServer();
  await sendRaw(server.port, message('CONNECT user:secret@localhost:80', 'X-Request-Id: tunnel-1\r\n'));
  t.match(server.logLines, [{ msg: 'request', requestId: 'tunnel-1', method: 'CONNECT', status: 405 }]);
  t.notMatch(JSON.stringify(server.logLines), /secret/);
});

t.test('URLs that are not what they should be', (t) =>
  expectProblems(t, {
    'a lone percent sign': [message(`GET ${base}/%zz`), { status: 400, instance: `${base}/%25zz` }],
    'half a character': [message(`GET ${base}/%E0%A4%A`), { status: 400, instance: `${base}/%E0%A4%25A` }],
    'characters that no URI has': [message(`GET ${base}/"{}|`), { status: 400, instance: `${base}/%22%7B%7D%7C` }],
    'an id that is too long': [message(`GET ${base}/${'a'.repeat(4_000)}`), { status: 400 }],
    'an empty id': [message(`GET ${base}/`), { status: 400 }],
    'an empty id to delete': [message(`DELETE ${base}/`), { status: 400 }],
    'an id in upper case': [message(`GET ${base}/Web`), { status: 400 }],
    'the query is part of the URI': [message(`GET ${base}/Web?a=b`), { status: 400, instance: `${base}/Web?a=b` }],
  }),
);

t.test('bodies that are not what they should be', (t) =>
  expectProblems(t, {
    'no body': [message(`POST ${base}`), { status: 400 }],
    'no body, announced as JSON': [message(`POST ${base}`, json), { status: 400 }],
    'an empty body of JSON': [message(`POST ${base}`, `${json}Content-Length: 0\r\n`), { status: 400 }],
    'an empty body of text': [
      message(`POST ${base}`, 'Content-Type: text/plain\r\nContent-Length: 0\r\n'),
      { status: 400 },
    ],
    'an empty body of no type that exists': [message(`POST ${base}`, 'Content-Type: ;\r\n'), { status: 400 }],
    'an empty chunked body of text': [
      message(`POST ${base}`, 'Content-Type: text/plain\r\nTransfer-Encoding: chunked\r\n', '0\r\n\r\n'),
      { status: 400 },
    ],
    'an empty chunked body of no type that exists': [
      message(`POST ${base}`, 'Content-Type: ;\r\nTransfer-Encoding: chunked\r\n', '0\r\n\r\n'),
      { status: 400 },
    ],
    'an empty chunked body of JSON': [
      message(`POST ${base}`, `${json}Transfer-Encoding: chunked\r\n`, '0\r\n\r\n'),
      { status: 400 },
    ],
    'half of an object': [withBody(json, '{"spec"'), { status: 400, detail: /not valid JSON/ }],
    'a body of white space': [withBody(json, ' \n'), { status: 400 }],
    'bytes that are no UTF-8': [
      message(`POST ${base}`, `${json}Content-Length: 9\r\n`, '{"a":"\xff"}'),
      { status: 400, detail: /UTF-8/ },
    ],
    'a number': [withBody(json, '5'), { status: 400 }],
    null: [withBody(json, 'null'), { status: 400 }],
    'a list': [withBody(json, '[]'), { status: 400 }],
    text: [withBody('Content-Type: text/plain\r\n', '{}'), { status: 415, detail: /application\/json/ }],
    'a form': [withBody('Content-Type: application/x-www-form-urlencoded\r\n', 'a=b'), { status: 415 }],
    'a type that is none': [withBody('Content-Type: json\r\n', '{}'), { status: 415 }],
    'no type': [withBody('', '{}'), { status: 415 }],
    'a body that is encoded': [
      withBody(`${json}Content-Encoding: gzip\r\n`, 'gz'),
      { status: 415, detail: /content encoding gzip/ },
    ],
    'a body that is encoded twice, in chunks': [
      message(
        `POST ${base}`,
        `${json}Content-Encoding: br\r\nContent-Encoding: deflate\r\nTransfer-Encoding: chunked\r\n`,
        '1\r\nx\r\n0\r\n\r\n',
      ),
      { status: 415, detail: /content encoding br, deflate/ },
    ],
    'a body that says that it is not encoded': [
      withBody(`${json}Content-Encoding: Identity\r\n`, '{'),
      { status: 400, detail: /not valid JSON/ },
    ],
    'an empty body that says that it is encoded': [withBody(`${json}Content-Encoding: gzip\r\n`, ''), { status: 400 }],
    'more than 200 KiB announced': [
      message(`POST ${base}`, `${json}Content-Length: ${200 * 1024 + 1}\r\n`, '{'),
      { status: 413 },
    ],
    'more than 200 KiB in chunks': [
      message(`POST ${base}`, `${json}Transfer-Encoding: chunked\r\n`, `32001\r\n${' '.repeat(0x32001)}\r\n`),
      { status: 413 },
    ],
  }),
);

t.test('messages that the parser does not take for a request are answered without a URI', (t) =>
  expectProblems(t, {
    'a method that does not exist': [message(`BREW ${base}`), { status: 400, instance: null }],
    'a version that does not exist': [`GET ${base} HTTP/9.9\r\nHost: a\r\n\r\n`, { status: 400, instance: null }],
    'both length and chunks': [
      message(`POST ${base}`, `${json}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n`, '0\r\n\r\n'),
      { status: 400, instance: null },
    ],
    'two lengths': [
      message(`POST ${base}`, 'Content-Length: 1\r\nContent-Length: 2\r\n'),
      { status: 400, instance: null },
    ],
    'a URL that is not ASCII': [message('GET /\xc3\xa9'), { status: 400, instance: null }],
    'a header without a name': [message(`GET ${base}`, ': x\r\n'), { status: 400, instance: null }],
    'headers over 16 KiB': [
      message(`GET ${base}`, `X-Large: ${'x'.repeat(16 * 1024)}\r\n`),
      { status: 431, instance: null },
    ],
    'many headers over 16 KiB': [
      message(`GET ${base}`, 'X-Many: xxxxxxxxxxxx\r\n'.repeat(1_000)),
      { status: 431, instance: null },
    ],
    'a URL over 16 KiB': [message(`GET ${base}/${'a'.repeat(17 * 1024)}`), { status: 431, instance: null }],
  }),
);

t.test('requests whose headers HTTP forbids', (t) =>
  expectProblems(t, {
    'a chunk without a size': [
      message(`POST ${base}`, `${json}Transfer-Encoding: chunked\r\n`, 'zz\r\n'),
      { status: 400 },
    ],
    'no Host': [`GET ${base} HTTP/1.1\r\n\r\n`, { status: 400, detail: /Host/ }],
    'two Hosts': [message(`GET ${base}`, 'host: localhost\r\n'), { status: 400, detail: /Host/ }],
    'two Hosts, one of them empty': [message(`GET ${base}`, 'Host:\r\n'), { status: 400, detail: /Host/ }],
    'two media types': [
      message(`POST ${base}`, `${json}${json}Content-Length: 2\r\n`, '{}'),
      { status: 415, detail: /json/ },
    ],
    'an expectation that cannot be met': [message(`GET ${base}`, 'Expect: the-impossible\r\n'), { status: 417 }],
  }),
);

t.test('a refusal of headers that are too large has a body, whatever the method seems to be', async (t) => {
  await using server = await startHttpServer();
  using connection = await openRaw(server.port);
  connection.write(message(`HEAD ${base}`, `X-Large: ${'x'.repeat(16 * 1024)}\r\n`));
  const answer = await connection.answer({});
  t.equal(answer.status, 431);
  t.equal(answer.problem.status, 431);
  t.equal(await connection.closed(), '');
});

t.test('bytes that are no request at all are answered without a URI', async (t) => {
  await using server = await startHttpServer();
  using connection = await openRaw(server.port);
  connection.write('\x16\x03\x01\x02\x00 hello\r\n\r\n');
  const answer = await connection.answer({});
  t.equal(answer.status, 400);
  t.notOk('instance' in answer.problem);
  t.equal(await connection.closed(), '');
});

t.test('HTTP/1.0 needs no Host', async (t) => {
  await using server = await startHttpServer();
  t.equal((await sendRaw(server.port, `GET ${base}/health HTTP/1.0\r\n\r\n`)).status, 200);
});

t.test('a body of exactly 200 KiB is read', async (t) => {
  await using server = await startHttpServer();
  const body = '{"spec":{}}'.padEnd(200 * 1024);
  const answer = await sendRaw(server.port, withBody(json, body));
  t.match(answer.problem.errors, [{ pointer: '/spec/service_type' }]);
});

t.test('unknown query parameters are ignored', async (t) => {
  await using server = await startHttpServer();
  t.equal((await sendRaw(server.port, message(`GET ${base}?max_page_size=5&nope=%zz&id=%20&__proto__=x`))).status, 200);
});

t.test('a DELETE with a JSON content type and no body is well formed', async (t) => {
  await using server = await startHttpServer();
  const answer = await sendRaw(server.port, message(`DELETE ${base}/web-1`, json));
  t.equal(answer.status, 404);
});

t.test('a client of HTTP/1.0, which knows no 100 Continue, gets none', async (t) => {
  await using server = await startHttpServer();
  using connection = await openRaw(server.port);
  const headers = `${json}Expect: 100-continue\r\nContent-Length: 2\r\n`;
  connection.write(`POST ${base} HTTP/1.0\r\nHost: localhost\r\n${headers}\r\n{}`);
  t.equal((await connection.answer({ method: 'POST', path: base })).status, 400);
});

t.test('an expectation that can be met is met', async (t) => {
  await using server = await startHttpServer();
  using connection = await openRaw(server.port);
  connection.write(message(`POST ${base}`, `${json}Expect: 100-Continue\r\nContent-Length: 2\r\n`));
  while (!connection.received().includes('100 Continue\r\n\r\n')) await new Promise(setImmediate);
  connection.skip('HTTP/1.1 100 Continue\r\n\r\n');
  connection.write('{}');
  t.equal((await connection.answer({ method: 'POST', path: base })).status, 400);
});

t.test('nobody is invited to send a body that will not be read', async (t) => {
  await using server = await startHttpServer();
  const expecting = (line: string, headers: string) => message(line, `${headers}Expect: 100-continue\r\n`);
  const cases: Record<string, [sent: string, status: number]> = {
    'an unknown path': [expecting('POST /nope', `${json}Content-Length: 2\r\n`), 404],
    'a method that the path does not have': [expecting(`PUT ${base}`, `${json}Content-Length: 2\r\n`), 405],
    'a body that is announced as too large': [expecting(`POST ${base}`, `${json}Content-Length: 204801\r\n`), 413],
    'a body of another type': [expecting(`POST ${base}`, 'Content-Type: text/plain\r\nContent-Length: 2\r\n'), 415],
    'a body that is encoded': [
      expecting(`POST ${base}`, `${json}Content-Encoding: gzip\r\nContent-Length: 2\r\n`),
      415,
    ],
    'an operation without a body': [expecting(`GET ${base}/health`, 'Content-Length: 2\r\n'), 200],
    'no body': [expecting(`POST ${base}`, `${json}Content-Length: 0\r\n`), 400],
  };
  for (const [name, [sent, status]] of Object.entries(cases)) {
    t.equal((await sendRaw(server.port, sent)).status, status, name);
  }
});

t.test('what cannot be read behind a request is answered after it', async (t) => {
  await using server = await startHttpServer();
  const asked = Promise.withResolvers<undefined>();
  const mayAnswer = Promise.withResolvers<undefined>();
  server.repository.intercept = () => {
    asked.resolve(undefined);
    return mayAnswer.promise;
  };
  using connection = await openRaw(server.port);
  connection.write(`${message(`GET ${base}/web-1`)}nonsense\r\n\r\n`);
  await asked.promise;
  t.equal(connection.received(), '');
  mayAnswer.resolve(undefined);
  t.equal((await connection.answer({ path: `${base}/web-1` })).status, 404);
  t.equal((await connection.answer()).status, 400);
  t.equal(await connection.closed(), '');
});
