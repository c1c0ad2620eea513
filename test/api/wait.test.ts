/** `:wait` over HTTP: its parameters, its path beside those of reads, and the end of the process. */
import t from 'tap';
import type { Container } from '../../src/containers/container.ts';
import type { ContainerView } from '../../src/containers/source.ts';
import { conformingFetch } from '../../scripts/contract/conformance.ts';
import { containerSpec, startHttpServer } from '../support/http.ts';
import { until } from '../support/until.ts';

const viewOf = (container: Container) => ({ status: container.status, container, uid: 'uid' }) as ContainerView;

/** One container named web, as memory has it. */
async function startWithContainer() {
  const listeners = new Set<(id: string) => void>();
  let container: Container | undefined;
  const server = await startHttpServer({
    source: {
      isLive: true,
      onChange: (listener) => {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
      view: (id) => (container?.id === id ? viewOf(container) : undefined),
    },
  });
  container = await server.repository.create(
    { id: 'web', spec: containerSpec() },
    { signal: new AbortController().signal },
  );
  const url = `${server.url}/api/v1alpha1/containers/web:wait`;
  return {
    server,
    get: (query = '') => conformingFetch(`${url}${query}`),
    become(status: Container['status']) {
      container = { ...container!, status };
      server.repository.containers.set('web', container);
      for (const listener of listeners) listener('web');
    },
  };
}

t.test('waits for RUNNING unless told otherwise', async (t) => {
  const { server, get, become } = await startWithContainer();
  await using _ = server;
  const answers = [get(), get('?status=UNKNOWN&status=RUNNING&timeout=1m')];
  const other = get('?status=UNKNOWN');
  while (server.repository.calls < 4) await new Promise(setImmediate);
  become('RUNNING');
  for (const answer of await Promise.all(answers)) {
    t.equal(answer.status, 200);
    t.match(await answer.json(), { id: 'web', status: 'RUNNING' });
  }
  become('UNKNOWN');
  t.match(await (await other).json(), { status: 'UNKNOWN' });
});

t.test('answers with what is when the time is up', async (t) => {
  const { server, get } = await startWithContainer();
  await using _ = server;
  const asked = get('?timeout=50ms');
  let isAnswered = false;
  void asked.then(() => (isAnswered = true));
  await until('the wait is answered', async () => {
    await server.passTime(50);
    return isAnswered;
  });
  const answer = await asked;
  t.match([answer.status, await answer.json()], [200, { status: 'PENDING' }]);
});

t.test('says what is wrong with the parameters', async (t) => {
  const { server, get } = await startWithContainer();
  await using _ = server;
  const answer = await get('?status=running&timeout=soon');
  t.equal(answer.status, 400);
  t.match(await answer.json(), { errors: [{ parameter: 'status' }, { parameter: 'timeout' }] });
  for (const query of ['?timeout=-1s', '?timeout=', '?timeout=5', '?timeout=1s&timeout=2s', '?status=']) {
    t.equal((await get(query)).status, 400, query);
  }
});

t.test('is a path of its own beside that of a container', async (t) => {
  const { server } = await startWithContainer();
  await using _ = server;
  const at = (path: string, init?: RequestInit) =>
    conformingFetch(`${server.url}/api/v1alpha1/containers/${path}`, init);
  t.equal((await at('none:wait')).status, 404);
  t.equal((await at('WEB:wait')).status, 400);
  t.equal((await at('web:stop')).status, 400);
  const post = await at('web:wait', { method: 'POST' });
  t.match([post.status, post.headers.get('allow')], [405, 'GET, HEAD']);
});

t.test('whoever waits is answered when the process is asked to end', async (t) => {
  const { server, get } = await startWithContainer();
  const answer = get();
  while (server.repository.calls < 2) await new Promise(setImmediate);
  const closed = server.app.close();
  t.match(await (await answer).json(), { status: 'PENDING' });
  await closed;
});
