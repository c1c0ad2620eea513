import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import t from 'tap';
import { ApiError, ClusterApi } from '../../scripts/cluster/api.ts';
import type { KubernetesObject } from '../../scripts/cluster/api.ts';
import type { Component } from '../../scripts/cluster/component.ts';
import { startControlPlane } from '../../scripts/cluster/control-plane.ts';
import type { ControlPlane } from '../../scripts/cluster/control-plane.ts';
import { olderKubeletTag } from '../../scripts/kubelet/images.ts';

interface ContainerState {
  waiting?: { reason: string };
  running?: { startedAt: string };
  terminated?: { exitCode: number };
}

interface Pod extends KubernetesObject {
  spec: { nodeName?: string };
  status: {
    phase: string;
    reason?: string;
    podIP?: string;
    conditions?: { type: string; status: string }[];
    containerStatuses?: { restartCount: number; ready: boolean; state: ContainerState; lastState: ContainerState }[];
  };
}

interface Service extends KubernetesObject {
  status: { loadBalancer: { ingress?: { ip: string }[] } };
}

async function createDeployment(
  controlPlane: ControlPlane,
  namespace: string,
  name: string,
  image: string,
): Promise<void> {
  const labels = { app: name };
  await controlPlane.api.create(`/apis/apps/v1/namespaces/${namespace}/deployments`, {
    metadata: { name },
    spec: {
      replicas: 1,
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers: [{ name: 'app', image }] } },
    },
  });
}

function listPods(controlPlane: ControlPlane, namespace: string, name: string): Promise<Pod[]> {
  return controlPlane.api.list<Pod>(`/api/v1/namespaces/${namespace}/pods?labelSelector=app%3D${name}`);
}

/** Waits until a Pod of the Deployment is as asked for, and returns it. */
async function waitForPod(
  controlPlane: ControlPlane,
  namespace: string,
  name: string,
  what: string,
  matches: (pod: Pod) => boolean,
): Promise<Pod> {
  let found: Pod | undefined;
  await controlPlane.waitFor(`a Pod of ${name} ${what}`, async () => {
    found = (await listPods(controlPlane, namespace, name)).find(matches);
    return found !== undefined;
  });
  return found!;
}

const state = (pod: Pod): ContainerState => pod.status.containerStatuses?.[0]?.state ?? {};
const hasCondition = (pod: Pod, type: string, status: string): boolean =>
  pod.status.conditions?.some((condition) => condition.type === type && condition.status === status) ?? false;
const isReady = (pod: Pod): boolean => pod.status.phase === 'Running' && hasCondition(pod, 'Ready', 'True');

await t.test('a control plane', async (t) => {
  const startedAt = Date.now();
  const controlPlane = await startControlPlane({ own: true, nodeGraceSeconds: 6 });
  t.comment(`ready after ${Date.now() - startedAt} ms`);
  t.teardown(() => controlPlane[Symbol.asyncDispose]());
  const namespace = await controlPlane.createNamespace();
  const { api, components } = controlPlane;

  await t.test('is of the version that go.mod names', async (t) => {
    const { gitVersion } = JSON.parse(await api.text('/version')) as { gitVersion: string };
    t.match(gitVersion, /^v1\.\d+\.\d+$/);
  });

  await t.test(
    'runs the Pod of a Deployment on a node, with an address, and removes it with the Deployment',
    async (t) => {
      await createDeployment(controlPlane, namespace, 'web', 'example.org/web:1');
      const pod = await waitForPod(controlPlane, namespace, 'web', 'runs', isReady);
      t.match(pod.spec.nodeName, /^node-\d$/);
      t.match(pod.status.podIP, /^10\./);
      t.equal(pod.status.containerStatuses?.[0]?.ready, true);
      await api.delete(`/apis/apps/v1/namespaces/${namespace}/deployments/web`, { propagationPolicy: 'Background' });
      await controlPlane.waitFor('Pod gone', async () => (await listPods(controlPlane, namespace, 'web')).length === 0);
    },
  );

  await t.test('cannot pull an image called missing', async (t) => {
    await createDeployment(controlPlane, namespace, 'missing', 'localhost:5000/missing:1');
    for (const reason of ['ErrImagePull', 'ImagePullBackOff', 'ErrImagePull']) {
      const pod = await waitForPod(
        controlPlane,
        namespace,
        'missing',
        `waits for ${reason}`,
        (pod) => state(pod).waiting?.reason === reason,
      );
      t.equal(pod.status.phase, 'Pending');
    }
  });

  const crashes = [
    { kubelet: 'since 1.35', name: 'crash', image: 'example.org/crash@sha256:0', held: 'terminated' },
    { kubelet: 'up to 1.34', name: 'crash-older', image: `example.org/crash:${olderKubeletTag}`, held: 'waiting' },
  ] as const;
  for (const { name, image } of crashes) await createDeployment(controlPlane, namespace, name, image);
  for (const { kubelet, name, held } of crashes) {
    await t.test(`crashes an image called crash again and again, as kubelets ${kubelet} show it`, async (t) => {
      const restarts = (pod: Pod): number => pod.status.containerStatuses?.[0]?.restartCount ?? 0;
      const heldBack = await waitForPod(
        controlPlane,
        namespace,
        name,
        'is held back',
        (pod) => restarts(pod) >= 2 && state(pod)[held] !== undefined,
      );
      t.equal(heldBack.status.phase, 'Running');
      if (held === 'waiting') t.equal(state(heldBack).waiting?.reason, 'CrashLoopBackOff');
      else t.equal(state(heldBack).terminated?.exitCode, 1);
      t.equal(heldBack.status.containerStatuses?.[0]?.lastState.terminated?.exitCode, 1);
      const up = await waitForPod(
        controlPlane,
        namespace,
        name,
        'is back',
        (pod) => state(pod).running !== undefined && restarts(pod) > restarts(heldBack),
      );
      t.equal(up.status.containerStatuses?.[0]?.lastState.terminated?.exitCode, 1);
    });
  }

  await t.test('replaces an evicted Pod and keeps the failed one', async (t) => {
    await createDeployment(controlPlane, namespace, 'evicted', 'example.org/web:1');
    const { metadata } = await waitForPod(controlPlane, namespace, 'evicted', 'runs', isReady);
    await controlPlane.evictPod(namespace, metadata.name);
    await waitForPod(
      controlPlane,
      namespace,
      'evicted',
      'runs anew',
      (pod) => isReady(pod) && pod.metadata.uid !== metadata.uid,
    );
    const old = await api.get<Pod>(`/api/v1/namespaces/${namespace}/pods/${metadata.name}`);
    t.match(old.status, { phase: 'Failed', reason: 'Evicted' });
  });

  await t.test('leaves the status of a Pod to the test that sets it', async (t) => {
    await createDeployment(controlPlane, namespace, 'by-hand', 'example.org/web:1');
    const { metadata } = await waitForPod(
      controlPlane,
      namespace,
      'by-hand',
      'waits',
      (pod) => state(pod).waiting !== undefined,
    );
    await controlPlane.setPodStatus(namespace, metadata.name, { phase: 'Unknown' });
    await createDeployment(controlPlane, namespace, 'created-later', 'example.org/web:1');
    await waitForPod(controlPlane, namespace, 'created-later', 'runs', isReady);
    const { status } = await api.get<Pod>(`/api/v1/namespaces/${namespace}/pods/${metadata.name}`);
    t.equal(status.phase, 'Unknown');
  });

  await t.test('gives a LoadBalancer Service an address, and holds its deletion until it is cleaned up', async (t) => {
    const path = `/api/v1/namespaces/${namespace}/services`;
    await api.create(path, { metadata: { name: 'balanced' }, spec: { type: 'LoadBalancer', ports: [{ port: 80 }] } });
    await controlPlane.waitFor('an address', async () => {
      const { status } = await api.get<Service>(`${path}/balanced`);
      return /^198\.18\./.test(status.loadBalancer.ingress?.[0]?.ip ?? '');
    });
    await api.delete(`${path}/balanced`);
    t.type((await api.get(`${path}/balanced`)).metadata.deletionTimestamp, 'string');
    await controlPlane.waitFor('Service gone', async () => (await api.list(path)).length === 0);
  });

  await t.test('marks the Pods of a node that falls silent, until it is back', async (t) => {
    await createDeployment(controlPlane, namespace, 'stranded', 'example.org/web:1');
    const { spec } = await waitForPod(controlPlane, namespace, 'stranded', 'runs', isReady);
    await controlPlane.loseNode(spec.nodeName!);
    const lost = await waitForPod(controlPlane, namespace, 'stranded', 'is not ready', (pod) =>
      hasCondition(pod, 'Ready', 'False'),
    );
    t.equal(lost.status.phase, 'Running');
    t.ok(hasCondition(lost, 'ContainersReady', 'True'));
    await controlPlane.returnNode(spec.nodeName!);
    await waitForPod(controlPlane, namespace, 'stranded', 'is ready again', isReady);
    await controlPlane.waitUntilReady();
  });

  await t.test('lets a ServiceAccount do what its Role says, and no more', async (t) => {
    const rule = { apiGroups: ['apps'], resources: ['deployments'] };
    const access = await controlPlane.createAccess(namespace, [{ ...rule, verbs: ['list'] }]);
    await using provider = await ClusterApi.fromKubeconfig(access.kubeconfig);
    const path = `/apis/apps/v1/namespaces/${namespace}/deployments`;
    t.ok((await provider.list(path)).length > 0);
    await t.rejects(provider.get(`${path}/crash`), /: 403 .*Forbidden/);
    await t.rejects(provider.list('/api/v1/pods'), /: 403 /);
    await access.setRules([{ ...rule, verbs: ['get'] }]);
    t.equal((await provider.get(`${path}/crash`)).metadata.name, 'crash', 'heeded at once');
    await t.rejects(provider.list(path), /: 403 /);
  });

  await t.test('refuses old resource versions after etcd was compacted and the API server restarted', async (t) => {
    const path = `/api/v1/namespaces/${namespace}/configmaps`;
    const { metadata } = await api.create(path, { metadata: { name: 'old' } });
    await api.patch(`${path}/old`, { data: { changed: 'true' } });
    await controlPlane.compact();
    await components.apiServer.restart();
    const watched = await api
      .text(`${path}?watch=true&timeoutSeconds=1&resourceVersion=${metadata.resourceVersion}`)
      .catch((error: unknown) => String(error));
    t.match(watched, /410|"code":410/);
  });

  await t.test(
    'keeps its data when the API server is killed, says so while it is away, and serves when restarted',
    async (t) => {
      await components.apiServer.kill();
      await t.rejects(api.text('/readyz'));
      await components.apiServer.restart();
      await t.resolves(api.get(`/apis/apps/v1/namespaces/${namespace}/deployments/crash`));
      await createDeployment(controlPlane, namespace, 'after-restart', 'example.org/web:1');
      await waitForPod(controlPlane, namespace, 'after-restart', 'runs', isReady);
    },
  );

  await t.test('runs Pods again after each of its processes was killed and restarted', async (t) => {
    for (const component of Object.values(components) as Component[]) {
      const before = component.processId;
      await component.restart();
      t.not(component.processId, before, component.name);
    }
    await createDeployment(controlPlane, namespace, 'after-all', 'example.org/web:1');
    await waitForPod(controlPlane, namespace, 'after-all', 'runs', isReady);
  });

  await t.test('answers nothing while the API server is stopped, and all when it goes on', async (t) => {
    await components.apiServer.pause();
    const answer = api.text('/readyz');
    const first = await Promise.race([answer, delay(1_000, 'silence')]);
    t.equal(first, 'silence');
    components.apiServer.resume();
    t.equal(await answer, 'ok');
  });

  await t.test('names the component that died unasked, with its last words', async (t) => {
    process.kill(components.scheduler.processId!, 'SIGTERM');
    await t.rejects(
      controlPlane.waitFor('what never comes', () => Promise.resolve(false)),
      /kube-scheduler ended by .*its last lines:\n.+/s,
    );
    await components.scheduler.start();
    t.doesNotThrow(() => controlPlane.check());
  });

  await t.test('reads the reason of an error', async (t) => {
    const error: unknown = await api
      .create('/api/v1/namespaces', { metadata: { name: namespace } })
      .catch((cause: unknown) => cause);
    t.ok(error instanceof ApiError);
    t.match(error, { status: 409, reason: 'AlreadyExists' });
  });
});

const holder = `
  const { startControlPlane } = await import(process.env.CONTROL_PLANE);
  const controlPlane = await startControlPlane({ own: true });
  await controlPlane.components.scheduler.pause();
  const pids = Object.values(controlPlane.components).map((component) => component.processId);
  console.log(JSON.stringify({ pids, kubeconfig: controlPlane.kubeconfig }));
  setInterval(() => undefined, 1000);
`;

for (const signal of ['SIGKILL', 'SIGTERM', 'SIGINT'] as const) {
  await t.test(
    `no process and no folder is left when the parent is ended by ${signal}, not even a stopped process`,
    async (t) => {
      const parent = spawn(process.execPath, ['--input-type=module', '--eval', holder], {
        stdio: ['ignore', 'pipe', 'inherit'],
        env: { ...process.env, CONTROL_PLANE: new URL('../../scripts/cluster/control-plane.ts', import.meta.url).href },
      });
      t.teardown(() => parent.kill('SIGKILL'));
      const [line] = (await once(createInterface({ input: parent.stdout }), 'line')) as [string];
      const { pids, kubeconfig } = JSON.parse(line) as { pids: number[]; kubeconfig: string };
      t.equal(pids.filter(isAlive).length, 5);
      parent.kill(signal);
      const deadline = Date.now() + 20_000;
      while ((pids.some(isAlive) || existsSync(kubeconfig)) && Date.now() < deadline) await delay(50);
      t.same(pids.filter(isAlive), []);
      t.notOk(existsSync(kubeconfig));
    },
  );
}

function isAlive(processId: number): boolean {
  try {
    process.kill(processId, 0);
    return true;
  } catch {
    return false;
  }
}
