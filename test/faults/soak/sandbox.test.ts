import t from 'tap';

import type { SandboxKubernetes } from '../../../scripts/sandbox/kubernetes/api.ts';
import type { Fault } from '../../../scripts/sandbox/kubernetes/faults.ts';
import { openEventStream } from '../../support/event-stream.ts';
import { startRealNatsServer, withoutNatsServer } from '../../../scripts/sandbox/nats/nats-server.ts';
import { startSystem } from '../../support/system.ts';
import { createProbe, endSurely, grown, maxSocketsAtRest, natsFaults, soak, soakMs, soakSeed } from './soak.ts';
import type { SoakFault } from './soak.ts';

const options = { skip: withoutNatsServer };

t.test('random work under random faults leaves every status told, and nothing behind', options, async (t) => {
  t.teardown(endSurely);
  await using nats = await startRealNatsServer({ jetStream: true });
  await using stream = await openEventStream(nats.url);
  await using probe = await createProbe();
  await using system = await startSystem({
    on: 'sandbox',
    nats,
    bareEnvironment: true,
    env: { ...probe.env, SP_SERVER_REQUEST_TIMEOUT: '3s', SP_SERVER_IDLE_TIMEOUT: '5s' },
  });
  const { wrong, before, after } = await soak({
    system,
    stream,
    probe,
    seed: soakSeed(),
    milliseconds: soakMs(12),
    faults: [sandboxFaults(system.cluster.sandbox!), natsFaults(nats)],
    tell: (line) => console.error(`soak, after ${Math.round(performance.now() / 1_000)} s: ${line}`),
  });
  t.strictSame(wrong, []);
  t.ok(after!.sockets <= maxSocketsAtRest, `${after!.sockets} sockets at rest`);
  t.strictSame(grown(before, after!), [], 'no more is left behind than after warming up');
  t.equal(system.provider.process.stderr(), '');
});

/** Those of the Kubernetes API of the sandbox. */
function sandboxFaults(sandbox: SandboxKubernetes): SoakFault[] {
  const { faults } = sandbox;
  const switched = (name: string, maxMs: number, add: () => Fault): SoakFault => {
    let fault: Fault | undefined;
    return { name, maxMs, strike: () => void (fault = add()), end: () => fault?.remove() };
  };
  const expire = (): void => {
    sandbox.compact();
    faults.failWatches(410);
  };
  return [
    switched('connections cut', 1_500, () => faults.drop()),
    switched('answers cut off', 1_500, () => faults.dropAnswer()),
    switched('requests unanswered', 5_000, () => faults.hang()),
    switched('answers late', 3_000, () => faults.delay(700)),
    switched('500', 1_500, () => faults.refuse({ code: 500 })),
    switched('429', 1_500, () => faults.refuse({ code: 429, retryAfter: 1 })),
    { name: 'watches reset', maxMs: 0, strike: () => faults.resetWatches() },
    { name: 'watches ended', maxMs: 0, strike: () => faults.endWatches() },
    { name: 'versions expired', maxMs: 0, strike: expire },
  ];
}
