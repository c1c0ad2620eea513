/** A small slice of what `npm run fuzz` sends over raw sockets. */
import fc from 'fast-check';
import t from 'tap';
import { brokenRequests, canaryId } from '../../scripts/fuzz/broken-http.ts';
import { describeRequest, findFault } from '../../scripts/fuzz/raw-sockets.ts';
import { containerSpec, startHttpServer } from '../support/http.ts';

const seed = 20260121;

t.test('answers broken HTTP with problem documents or closes the connection, and serves on', async (t) => {
  await using server = await startHttpServer({ timeouts: { readMs: 300, idleMs: 50 } });
  await server.client.POST('/containers', {
    params: { query: { id: canaryId } },
    body: { spec: containerSpec() } as never,
  });
  const target = { host: '127.0.0.1', port: server.port, patienceMs: 10_000 };
  const requests = fc.sample(brokenRequests, {
    numRuns: 300,
    seed: Number(process.env.S ?? seed),
  });
  const faults = await Promise.all(
    requests.map(async (broken) => {
      const fault = await findFault(target, broken);
      return fault === undefined ? [] : [`${fault}\n${describeRequest(broken)}`];
    }),
  );
  t.strictSame(faults.flat(), [], `seed ${seed}`);
  const health = await server.client.GET('/containers/health');
  t.equal(health.response.status, 200);
  const canary = await server.client.GET('/containers/{container_id}', {
    params: { path: { container_id: canaryId } },
  });
  t.equal(canary.response.status, 200, 'no smuggled request was carried out');
});
