import t from 'tap';

import { startControlPlane } from '../../../scripts/cluster/control-plane.ts';
import { withoutNatsServer } from '../../../scripts/sandbox/nats/nats-server.ts';
import { createContainer, deleteContainer } from '../../support/containers.ts';
import { until } from '../../support/until.ts';
import { startWatchProxy } from '../../support/watch-proxy.ts';
import type { WatchProxy } from '../../support/watch-proxy.ts';
import { endSurely, soakMs, soakSeed } from '../soak/soak.ts';
import { makeGaps, untold } from './gaps.ts';
import { startReplicas } from './replicas.ts';
import type { Replica } from './replicas.ts';

const kinds = { 'on plain NATS': { remembering: false }, 'with a stream and a bucket': { remembering: true } };

/** Of each kind. */
const seconds = process.env['SP_TEST_ALL'] === '1' ? 300 : 45;

t.test('of what comes and goes while the watches have gaps', async (t) => {
  t.teardown(endSurely);
  for (const [name, kind] of Object.entries(kinds)) {
    await t.test(name, { skip: kind.remembering && withoutNatsServer }, async (t) => {
      // Each has its own: controllers that lost their API server again and again may take minutes to come back.
      await using controlPlane = await startControlPlane({ own: true });
      const { apiServer } = controlPlane.components;
      await using stack = new AsyncDisposableStack();
      const proxies: WatchProxy[] = [];
      const gateway = async (server: string): Promise<WatchProxy> => {
        const proxy = stack.use(await startWatchProxy(server));
        proxies.push(proxy);
        return proxy;
      };
      const replicas = stack.use(await startReplicas(3, { ...kind, on: { controlPlane }, gateway }));
      const [leader, second, third] = replicas.all as [Replica, Replica, Replica];
      const [leaderProxy] = proxies as [WatchProxy];
      const ids = Array.from({ length: 10 }, (_, index) => String(index));

      await t.test('what the leader deletes before its watch has told of it is told', async (t) => {
        leaderProxy.retryAfter = 10;
        leaderProxy.cutWatches();
        for (const id of ids) {
          await createContainer(second.client, `own-${id}`);
          await deleteContainer(leader.client, `own-${id}`);
        }
        leaderProxy.retryAfter = undefined;
        t.strictSame(await untold(replicas, new Set(ids.map((id) => `own-${id}`))), []);
      });

      await t.test('what others make and delete right after an outage is told', async (t) => {
        await apiServer.kill();
        const killedAt = performance.now();
        await until('the API server was away for some seconds', () => performance.now() - killedAt > 3_000);
        await apiServer.start();
        for (const id of ids) {
          await until('the API server takes it', () =>
            createContainer(second.client, `after-${id}`).then(
              () => true,
              () => false,
            ),
          );
          await deleteContainer(third.client, `after-${id}`);
        }
        t.strictSame(await untold(replicas, new Set(ids.map((id) => `after-${id}`))), []);
      });

      await t.test('whatever the faults, and whoever is asked', async (t) => {
        const seed = soakSeed();
        t.comment(`seed ${seed}: SP_TEST_SEED=${seed} draws the same again`);
        console.error(`${name}: SP_TEST_SEED=${seed} draws the same again`);
        const tell = (line: string): void => console.error(`${Math.round(performance.now() / 1_000)} s: ${line}`);
        const milliseconds = soakMs(seconds);
        const made = await makeGaps({ replicas, controlPlane, proxies, seed, milliseconds, tell });
        console.error(`${made.creates} creates and ${made.deletes} deletes of ${made.ids.size} ids`);
        t.ok(made.ids.size > 20, 'containers were made');
        t.strictSame(await untold(replicas, made.ids), []);
        await replicas.healed(replicas.all.find((replica) => replica.leads())!);
      });
    });
  }
});
