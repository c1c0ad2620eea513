/**
 * The service on one real node: two providers that stand, each with a NATS of its own, and a third that is started anew.
 * With SP_TEST_RECORD=FOLDER what the kubelet writes is recorded there.
 */
import { startControlPlane } from '../../scripts/cluster/control-plane.ts';
import type { ControlPlane } from '../../scripts/cluster/control-plane.ts';
import { describeMissing, lookAtMachine } from '../../scripts/cluster/node/machine.ts';
import type { RealNode } from '../../scripts/cluster/node/node.ts';
import { record } from '../../scripts/cluster/node/record.ts';
import { startNatsServer } from '../../scripts/sandbox/nats/nats-server.ts';
import type { Client } from '../../generated/client.ts';
import { listPage } from '../support/containers.ts';
import { subscribeEvents } from '../support/events.ts';
import type { Events } from '../support/events.ts';
import { eventually } from '../support/kubernetes.ts';
import { startSystem } from '../support/system.ts';
import type { System } from '../support/system.ts';

export interface NodeSystem extends System {
  controlPlane: ControlPlane;
  node: RealNode;
  /** What the second provider tells. */
  secondEvents: Events;
  /**
   * Starts one more provider, waits until it says the same of all containers as the first, and kills it.
   *
   * @throws Error with what they say, when they do not agree within ten seconds
   */
  compareFreshProvider(): Promise<void>;
}

const hints = [
  ...['liveness_probe', 'readiness_probe', 'security_context', 'startup_probe', 'termination_grace_period_seconds'],
  ...['env_from_secrets', 'tolerations', 'volumes.empty_dir'],
];
const agreementMs = 10_000;

const missing = describeMissing(lookAtMachine());
/** For `skip`: why there can be no real node here; in CI that is a failure instead. */
export const withoutNode: string | false = missing === undefined || process.env['CI'] === 'true' ? false : missing;

export async function startNodeSystem(): Promise<NodeSystem> {
  await using stack = new AsyncDisposableStack();
  const controlPlane = stack.use(await startControlPlane({ own: true, realNode: true }));
  const node = controlPlane.realNode;
  const env = {
    SP_K8S_EXTERNAL_SVC_TYPE: 'NodePort',
    SP_K8S_EXTERNAL_ADDRESS: node.address,
    SP_K8S_ALLOWED_HINTS: hints.join(','),
  };
  const system = stack.use(await startSystem({ on: { controlPlane }, env }));
  const { client } = system;
  const secondNats = stack.use(await startNatsServer());
  const secondEvents = stack.use(await subscribeEvents(secondNats.url));
  const secondEnv = { ...env, SP_NATS_URL: secondNats.url };
  await system.addProvider(secondEnv);
  const thirdNats = stack.use(await startNatsServer());

  const compareFreshProvider = async (): Promise<void> => {
    await using fresh = await system.addProvider({ ...env, SP_NATS_URL: thirdNats.url });
    const both = async () => ({ standing: await statusesOf(client), fresh: await statusesOf(fresh.client) });
    await eventually(both, ({ standing, fresh }) => standing.join('\n') === fresh.join('\n'), agreementMs);
  };
  const folder = process.env['SP_TEST_RECORD'];
  if (folder) {
    const stop = new AbortController();
    const recording = record(controlPlane.api, folder, stop.signal);
    stack.defer(async () => {
      stop.abort();
      await recording;
    });
  }
  const parts = stack.move();
  return {
    ...system,
    controlPlane,
    node,
    secondEvents,
    compareFreshProvider,
    [Symbol.asyncDispose]: () => parts.disposeAsync(),
  };
}

async function statusesOf(client: Client): Promise<string[]> {
  const { containers } = await listPage(client, 1000);
  return containers.map((container) => {
    const message = 'status_message' in container ? container.status_message : '';
    return `${container.id} ${container.status} ${message}`;
  });
}
