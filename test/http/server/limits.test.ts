/** So many writes at once, so many that wait, and nobody more. */
import t from 'tap';
import type { Abortable } from '../../../src/containers/waiting.ts';
import type { Waiting } from '../../../src/http/server/limits.ts';
import { ConcurrencyLimit } from '../../../src/http/server/limits.ts';
import { containerSpec, startHttpServer } from '../../support/http.ts';
import { until } from '../../support/until.ts';

/** Never over before its turn has come. */
const patient: Waiting = { onAbort: () => undefined };

/** Requests that end when the test says so. */
function requests(limit: ConcurrencyLimit) {
  const begun: string[] = [];
  const ends = new Map<string, () => void>();
  return {
    begun,
    end: (name: string) => ends.get(name)!(),
    send: (name: string, request: Waiting = patient) =>
      limit.run(request, async () => {
        begun.push(name);
        await new Promise<void>((resolve) => ends.set(name, resolve));
        return name;
      }),
  };
}

t.test('who comes first is handled first, so many at once', async (t) => {
  const { begun, end, send } = requests(new ConcurrencyLimit({ atOnce: 2, waiting: 10 }));
  const sent = ['a', 'b', 'c', 'd'].map((name) => send(name));
  await new Promise(setImmediate);
  t.strictSame(begun, ['a', 'b']);
  end('b');
  await sent[1];
  await new Promise(setImmediate);
  t.strictSame(begun, ['a', 'b', 'c']);
  for (const name of ['a', 'c']) end(name);
  await until('the last has begun', () => begun.length === 4);
  end('d');
  t.strictSame(await Promise.all(sent), ['a', 'b', 'c', 'd']);
});

t.test('a place is free again after a failure, and is not taken by who has left', async (t) => {
  const limit = new ConcurrencyLimit({ atOnce: 1, waiting: 10 });
  const { begun, end, send } = requests(limit);
  const failing = limit.run(patient, () => Promise.reject(new Error('failed')));
  const client: { place?: Abortable } = {};
  const left = send('left', { onAbort: (place) => (client.place = place) });
  const last = send('last');
  client.place!.abort(new Error('gone'));
  await t.rejects(left, { message: 'gone' });
  await t.rejects(failing, { message: 'failed' });
  await until('the last has begun', () => begun.length === 1);
  end('last');
  t.equal(await last, 'last');
  t.strictSame(begun, ['last']);
});

t.test('where too many wait, a write is 503 with Retry-After, and reads and health are served', async (t) => {
  await using server = await startHttpServer();
  const held = Promise.withResolvers<undefined>();
  server.repository.intercept = (method) => (method === 'create' ? held.promise : undefined);
  // Not by the client of the tests, which takes its time to look at each answer.
  const init = {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ spec: containerSpec() }),
  };
  const sent = Array.from({ length: 2_026 }, () => fetch(`${server.url}/api/v1alpha1/containers`, init));
  const refused = await Promise.any(
    sent.map(async (answer) => {
      const response = await answer;
      if (response.status !== 503) throw new Error(String(response.status));
      return response;
    }),
  );
  t.equal(refused.headers.get('retry-after'), '5');
  const invalid = await fetch(`${server.url}/api/v1alpha1/containers`, { ...init, body: '{"spec":{}}' });
  t.equal(invalid.status, 400, 'what cannot be accepted later either is told so at once');
  t.equal((await server.client.GET('/containers')).response.status, 200);
  t.equal((await server.client.GET('/containers/health')).response.status, 200);
  held.resolve(undefined);
  const statuses = (await Promise.all(sent)).map(({ status }) => status);
  t.equal(statuses.filter((status) => status === 201).length, 2_024);
  t.equal(statuses.filter((status) => status === 503).length, 2);
});
