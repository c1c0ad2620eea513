import t from 'tap';
import { managedNodeLabel } from '../../scripts/cluster/stages.ts';
import { createContainer, readContainer } from '../support/containers.ts';
import { startSystem } from '../support/system.ts';
import type { System } from '../support/system.ts';

t.test('a container is UNKNOWN while its node does not report, and RUNNING once it is back', async (t) => {
  await using system = await startSystem();
  const { client, cluster, events } = system;
  await createContainer(client, 'remote');
  await events.waitFor('remote', 'RUNNING');
  await using node = await (cluster.isSandbox ? nodeByHand(system) : nodeOfItsOwn(system));

  await node.fallSilent();
  const unknown = await events.waitFor('remote', 'UNKNOWN');
  t.match(unknown.data.message, /does not report/);
  t.equal((await readContainer(client, 'remote')).status, 'UNKNOWN');
  await node.comeBack();
  await events.waitFor('remote', 'RUNNING', unknown);
});

interface LosableNode extends AsyncDisposable {
  fallSilent(): Promise<void>;
  comeBack(): Promise<void>;
}

/** Does to the Pod what the node controller does when the node is lost. */
async function nodeByHand({ workloads }: System): Promise<LosableNode> {
  const pod = await workloads.runningPod('remote');
  const setReady = (status: 'True' | 'False') =>
    workloads.setPodStatus(pod, {
      conditions: [
        { type: 'Ready', status },
        { type: 'ContainersReady', status: 'True' },
      ],
    });
  return {
    fallSilent: () => setReady('False'),
    comeBack: () => setReady('True'),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

/** Moves the container to a node that no other test's Pods are on, which KWOK keeps alive until its label is gone. */
async function nodeOfItsOwn({ cluster, events, workloads }: System): Promise<LosableNode> {
  const name = cluster.namespace;
  const path = `/api/v1/nodes/${name}`;
  const resources = { cpu: '16', memory: '16Gi', pods: '10' };
  const taint = { key: 'example.org/only', value: name, effect: 'NoSchedule' };
  await cluster.request('POST', '/api/v1/nodes', {
    metadata: { name, labels: { [managedNodeLabel]: 'true', 'kubernetes.io/hostname': name } },
    spec: { taints: [taint] },
    status: { capacity: resources, allocatable: resources, addresses: [{ type: 'InternalIP', address: '10.0.1.1' }] },
  });
  await workloads.patch('deployments', 'dcm-remote', {
    spec: {
      template: {
        spec: {
          nodeSelector: { 'kubernetes.io/hostname': name },
          tolerations: [{ key: taint.key, operator: 'Exists', effect: taint.effect }],
        },
      },
    },
  });
  await workloads.until(
    'pods',
    'remote',
    (pods) => pods.length === 1 && pods[0]!.spec.nodeName === name && pods[0]!.status.phase === 'Running',
  );
  await events.waitFor('remote', 'RUNNING');
  const setLabel = async (value: string | null): Promise<void> => {
    const type = { 'content-type': 'application/merge-patch+json' };
    await cluster.request('PATCH', path, { metadata: { labels: { [managedNodeLabel]: value } } }, type);
  };
  return {
    fallSilent: () => setLabel(null),
    comeBack: () => setLabel('true'),
    [Symbol.asyncDispose]: async () => {
      await cluster.request('DELETE', path);
    },
  };
}
