/** What lists may weigh: a page in bytes, and all that their clients have not read yet. */
import t from 'tap';
import { conformingFetch } from '../../scripts/contract/conformance.ts';
import { containerSpec, openRaw, startHttpServer } from '../support/http.ts';
import type { HttpServer, RawConnection } from '../support/http.ts';
import { until } from '../support/until.ts';

const base = '/api/v1alpha1/containers';
const mebibyte = 1024 * 1024;
const get = (path: string) => `GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`;

/** Makes containers `c-0000`, `c-0001`, … that take `bytes` each, and a little more. */
async function fill(server: HttpServer, count: number, bytes: number): Promise<string[]> {
  const ids = Array.from({ length: count }, (_, index) => `c-${String(index).padStart(4, '0')}`);
  for (const id of ids) {
    const spec = containerSpec({ process: { args: ['x'.repeat(bytes)] } });
    await server.repository.create({ id, spec }, { signal: AbortSignal.timeout(5_000) });
  }
  return ids;
}

t.test('a page ends at 4 MiB, and a walk still gives every container once', async (t) => {
  await using server = await startHttpServer();
  const ids = await fill(server, 50, 190 * 1024);
  const pages: string[][] = [];
  let token: string | undefined;
  do {
    const query = { max_page_size: 1_000, ...(token !== undefined && { page_token: token }) };
    const { data, response } = await server.client.GET('/containers', { params: { query } });
    t.ok(Number(response.headers.get('content-length')) <= 4 * mebibyte);
    pages.push(data!.containers.map(({ id }) => id));
    token = data!.next_page_token;
  } while (token !== undefined);
  t.same(pages.flat(), ids);
  t.same(
    pages.map(({ length }) => length),
    [21, 21, 8],
  );
});

t.test('bytes count, not characters', async (t) => {
  await using server = await startHttpServer();
  const spec = containerSpec({ process: { args: ['\u20ac'.repeat(60 * 1024)] } });
  for (const index of Array(40).keys()) {
    await server.repository.create({ id: `e-${index}`, spec }, { signal: AbortSignal.timeout(5_000) });
  }
  const { data, response } = await server.client.GET('/containers');
  t.equal(data?.containers.length, 22);
  t.ok(Number(response.headers.get('content-length')) <= 4 * mebibyte);
});

t.test('a page has one container at least, however large that is', async (t) => {
  await using server = await startHttpServer();
  await fill(server, 2, 5 * mebibyte);
  const { data } = await server.client.GET('/containers');
  t.same(
    data?.containers.map(({ id }) => id),
    ['c-0000'],
  );
  t.type(data?.next_page_token, 'string');
});

t.test(
  'unread lists hold 64 MiB at most: beyond that a list is 503, and is served again once they are read',
  async (t) => {
    await using server = await startHttpServer({ timeouts: { writeMs: 60_000 } });
    await fill(server, 21, 190 * 1024);
    await using stack = new AsyncDisposableStack();
    const before = server.repository.calls;
    const readers: RawConnection[] = [];
    const refused = () => server.logLines.some(({ msg }) => msg === 'request cannot be served now');
    const unread = () => server.connections().reduce((bytes, { writableLength }) => bytes + writableLength, 0);
    // The operating system takes some of each list, which does not count.
    while (!refused()) {
      const reader = stack.use(await openRaw(server.port));
      reader.socket.pause();
      reader.write(get(base));
      readers.push(reader);
      await until('the list is answered', () => server.repository.calls === before + readers.length);
      t.ok(unread() <= 64 * mebibyte);
    }
    t.ok(unread() > 32 * mebibyte);

    const { response, error } = await server.client.GET('/containers');
    t.equal(response.status, 503);
    t.match(error, { type: 'INTERNAL', detail: /lists/ });
    const { status } = await conformingFetch(`${server.url}${base}`, { method: 'HEAD' });
    t.equal(status, 200, 'of which nothing is sent');
    t.equal((await server.client.GET('/containers/health')).response.status, 200);

    for (const { socket } of readers) socket.resume();
    await until('everything is out', () => unread() === 0);
    const answers = await Promise.all(readers.map((reader) => reader.answer({ path: base })));
    t.same(
      answers.map(({ status }) => status),
      answers.map((_, index) => (index < answers.length - 1 ? 200 : 503)),
    );
    await until('a list is served again', async () => (await server.client.GET('/containers')).response.status === 200);
  },
);

t.test('clients that leave in the middle of a list leave nothing held', async (t) => {
  await using server = await startHttpServer();
  await fill(server, 21, 190 * 1024);
  for (let round = 0; round < 30; round++) {
    const reader = await openRaw(server.port);
    reader.write(get(base));
    await until('the answer has begun', () => reader.received().length > 0);
    reader.socket.destroy();
  }
  t.equal((await server.client.GET('/containers')).response.status, 200);
  t.notOk(server.logLines.some(({ msg }) => msg === 'request cannot be served now'));
});
