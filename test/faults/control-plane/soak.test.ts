import t from 'tap';

import { startControlPlane } from '../../../scripts/cluster/control-plane.ts';
import type { ControlPlane } from '../../../scripts/cluster/control-plane.ts';
import { openEventStream } from '../../support/event-stream.ts';
import { startRealNatsServer } from '../../../scripts/sandbox/nats/nats-server.ts';
import { startSystem } from '../../support/system.ts';
import { startTcpProxy } from '../../support/tcp-proxy.ts';
import type { TcpProxy } from '../../support/tcp-proxy.ts';
import { createProbe, endSurely, grown, maxSocketsAtRest, natsFaults, soak, soakMs, soakSeed } from '../soak/soak.ts';
import type { SoakFault } from '../soak/soak.ts';

const seconds = process.env['SP_TEST_ALL'] === '1' ? 300 : 60;

t.test('random work under random faults leaves every status told, and nothing behind', async (t) => {
  t.teardown(endSurely);
  await using controlPlane = await startControlPlane({ own: true });
  await using proxy = await startTcpProxy(controlPlane.api.server);
  await using nats = await startRealNatsServer({ jetStream: true });
  await using stream = await openEventStream(nats.url);
  await using probe = await createProbe();
  await using system = await startSystem({
    on: { controlPlane, server: `https://127.0.0.1:${proxy.port}` },
    nats,
    bareEnvironment: true,
    env: { ...probe.env, SP_SERVER_REQUEST_TIMEOUT: '3s', SP_SERVER_IDLE_TIMEOUT: '5s' },
  });
  const { wrong, before, after } = await soak({
    system,
    stream,
    probe,
    seed: soakSeed(),
    milliseconds: soakMs(seconds),
    faults: [clusterFaults(controlPlane, proxy), natsFaults(nats)],
    tell: (line) => console.error(`soak, after ${Math.round(performance.now() / 1_000)} s: ${line}`),
  });
  t.strictSame(wrong, []);
  t.ok(after!.sockets <= maxSocketsAtRest, `${after!.sockets} sockets at rest`);
  t.strictSame(grown(before, after!), [], 'no more is left behind than after warming up');
  t.equal(system.provider.process.stderr(), '');
  controlPlane.check();
});

/**
 * Of the API server's process, and of the network before it. The process rarely: whenever it was away, it takes the
 * controllers up to half a minute to make Pods again, and without Pods there is little to tell.
 */
function clusterFaults({ components }: ControlPlane, proxy: TcpProxy): SoakFault[] {
  const { apiServer } = components;
  const ofProcess = [
    { name: 'API server killed', maxMs: 3_000, strike: () => apiServer.kill(), end: () => apiServer.start() },
    { name: 'API server stopped', maxMs: 5_000, strike: () => apiServer.pause(), end: () => apiServer.resume() },
  ];
  const ofNetwork = [
    { name: 'connections reset', maxMs: 0, strike: () => proxy.reset() },
    { name: 'connections silent', maxMs: 5_000, strike: () => proxy.silence(), end: () => proxy.carry() },
    { name: 'connections refused', maxMs: 3_000, strike: () => proxy.refuse(), end: () => proxy.accept() },
  ];
  return [...ofProcess, ...ofNetwork, ...ofNetwork, ...ofNetwork, ...ofNetwork];
}
