import t from 'tap';
import { connect, failureOf, quickReflector, unhurried } from '../../support/cluster.ts';
import { containerSpec } from '../../support/base-spec.ts';
import { eventually, openSandbox } from '../../support/kubernetes.ts';

/** How long a watch on which nothing happens may take to show that the API server is there. */
const proofMs = 5_000;

t.test(
  'memory that is too old is good again soon after the cluster is back, though nothing happens there',
  async (t) => {
    await using cluster = await openSandbox({ controllers: false, bookmarkMilliseconds: 60_000 });
    const { faults } = cluster.sandbox;
    await using connected = await connect(cluster, { bounds: { liveMs: 1_000, reflector: quickReflector } });
    const { repository } = connected;
    await repository.create({ id: 'quiet', spec: containerSpec() }, unhurried());

    using outage = faults.drop();
    faults.resetWatches();
    const list = () => repository.list({ pageSize: 10 }, unhurried());
    await eventually(
      async () => (await failureOf(list().then(() => Promise.reject(new Error('served'))))).name,
      (name) => name === 'UnavailableError',
    );

    outage.remove();
    const backAt = performance.now();
    const page = await eventually(
      () => list().catch(() => undefined),
      (found) => found !== undefined,
      60_000,
    );
    t.ok(performance.now() - backAt < proofMs);
    t.same(
      page?.containers.map(({ id }) => id),
      ['quiet'],
    );
  },
);
