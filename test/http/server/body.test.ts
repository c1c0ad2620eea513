/** Bodies are bounded by what they weigh, before they are parsed. */
import t from 'tap';
import { containerSpec, openRaw, startHttpServer } from '../../support/http.ts';
import type { HttpServer } from '../../support/http.ts';
import { until } from '../../support/until.ts';

const path = '/api/v1alpha1/containers';
const maxBodyBytes = 200 * 1024;
/** How many of the largest bodies are held at once: 64 MiB, of which each takes 40 times its length. */
const room = Math.floor((64 * 1024 * 1024) / (40 * maxBodyBytes));

/** A body of 200 KiB that is parsed to some twenty times as much. */
const heavy = ((): string => {
  const start = `{"spec":${JSON.stringify(containerSpec()).slice(0, -1)},"filler":[{}`;
  const end = ']}}';
  return start + ',{}'.repeat((maxBodyBytes - start.length - end.length) / 3) + end;
})();

function post(server: HttpServer, body: string, signal?: AbortSignal): Promise<Response> {
  const headers = { 'content-type': 'application/json' };
  return fetch(`${server.url}${path}`, { method: 'POST', headers, body, ...(signal && { signal }) });
}

/** Creates that begin and end when the test says so. */
function holdCreates({ repository }: HttpServer) {
  const held = Promise.withResolvers<undefined>();
  let begun = 0;
  repository.intercept = (method) => {
    if (method !== 'create') return undefined;
    begun++;
    return held.promise;
  };
  return { begun: () => begun, end: () => held.resolve(undefined) };
}

t.test(
  'large bodies that find no room are 503 with Retry-After, and leave room for small ones, reads and health',
  async (t) => {
    await using server = await startHttpServer();
    const creates = holdCreates(server);
    const sent = Array.from({ length: room }, () => post(server, heavy));
    await until('the room is taken', () => creates.begun() === room);
    for (let i = 0; i < 3; i++) {
      const refused = await post(server, heavy);
      t.equal(refused.status, 503);
      t.equal(refused.headers.get('retry-after'), '5');
      t.match(await refused.json(), { detail: 'Too many requests with large bodies are under way.' });
    }
    t.equal(creates.begun(), room, 'nothing of what was refused has begun');
    const small = post(server, JSON.stringify({ spec: containerSpec() }));
    await until('a small one begins', () => creates.begun() === room + 1);
    t.equal((await post(server, '{"spec":{}}')).status, 400);
    t.equal((await server.client.GET('/containers')).response.status, 200);
    t.equal((await server.client.GET('/containers/health')).response.status, 200);
    creates.end();
    for (const { status } of await Promise.all([...sent, small])) t.equal(status, 201);
    t.equal((await post(server, heavy)).status, 201, 'there is room again');
  },
);

t.test(
  'what is held for a create counts until that is over, though its client has left or its time is up',
  async (t) => {
    await using server = await startHttpServer({ timeouts: { requestMs: 3_000 } });
    const creates = holdCreates(server);
    const client = new AbortController();
    const sent = Array.from({ length: room }, (_, index) =>
      post(server, heavy, index === 0 ? client.signal : undefined).then(
        ({ status }) => status,
        () => 'left',
      ),
    );
    await until('the room is taken', () => creates.begun() === room);
    client.abort();
    t.strictSame(await Promise.all(sent), ['left', ...Array<number>(room - 1).fill(503)]);
    t.equal((await post(server, heavy)).status, 503);
    creates.end();
    await until('there is room again', async () => (await post(server, heavy)).status === 201);
  },
);

t.test('what is refused for another reason, or never arrives, gives its room back', async (t) => {
  await using server = await startHttpServer();
  const invalid = heavy.replace('"container"', '"contraire"');
  for (let i = 0; i < 2 * room; i++) t.equal((await post(server, invalid)).status, 400);
  for (let i = 0; i < 2 * room; i++) t.equal((await post(server, heavy.slice(0, -1))).status, 400);
  for (let i = 0; i < 400; i++) {
    using raw = await openRaw(server.port);
    raw.write(
      `POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${maxBodyBytes}\r\n\r\n{`,
    );
  }
  await until('all are gone', () => server.connections().length <= 1);
  t.equal((await post(server, heavy)).status, 201);
});

t.test(
  'bodies that are announced count before they arrive, and are not asked for where there is no room',
  async (t) => {
    await using server = await startHttpServer();
    using stack = new DisposableStack();
    const announce = async (length: string) => {
      const raw = stack.use(await openRaw(server.port));
      const headers = `Host: x\r\nContent-Type: application/json\r\nExpect: 100-continue\r\n${length}`;
      raw.write(`POST ${path} HTTP/1.1\r\n${headers}\r\n\r\n`);
      await until('an answer', () => raw.received() !== '');
      return raw;
    };
    const invited = Math.floor((64 * 1024 * 1024) / maxBodyBytes);
    for (let i = 0; i < invited; i++) {
      const raw = await announce(i % 2 === 0 ? 'Transfer-Encoding: chunked' : `Content-Length: ${maxBodyBytes}`);
      raw.skip('HTTP/1.1 100 Continue\r\n\r\n');
    }
    for (const length of ['Transfer-Encoding: chunked', `Content-Length: ${maxBodyBytes}`]) {
      const refused = await (await announce(length)).answer({ method: 'POST', path });
      t.match(refused, { status: 503, problem: { detail: /^Too many requests with large bodies/ } });
    }
  },
);
