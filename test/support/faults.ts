/** What has to hold after every fault: the provider serves, nothing is half-done, its caches equal the cluster, and the last events are true. */
import { setTimeout as delay } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import type { Schemas } from '../../generated/client.ts';
import { momentOf, systemClock } from '../../src/clock.ts';
import { containerStatus } from '../../src/containers/status.ts';
import { viewObjects, observeObjects } from '../../src/kubernetes/objects/container.ts';
import type { ContainerObjects } from '../../src/kubernetes/objects/container.ts';
import { projectDeployment } from '../../src/kubernetes/objects/deployment.ts';
import { projectPod } from '../../src/kubernetes/objects/pod.ts';
import { projectService } from '../../src/kubernetes/objects/service.ts';
import { createContainer, deleteContainer, listPage, readContainer, readStatusCode } from './containers.ts';
import type { StatusCloudEvent } from './events.ts';
import { eventually } from './kubernetes.ts';
import type { ProviderProcess } from './provider.ts';
import type { System } from './system.ts';

/** Faults that take minutes are left out unless all are asked for. */
export const onlyWithAll = {
  skip: process.env['SP_TEST_ALL'] === '1' ? false : 'it takes long: npm run test:cluster -- --all',
};

/** Long enough for every backoff of the provider to run out, on a machine that is busy. */
const patienceMs = 120_000;

type Container = Schemas['Container'];

export interface HealedOptions {
  /** Absent: the first one of the system. */
  provider?: ProviderProcess;
  /** SP_NAME of the provider, or those of all that may report; absent: that of the first one. */
  name?: string | readonly string[];
  /** Containers that were deleted while no provider ran: of their end there is no event. */
  untold?: readonly string[];
}

/** Waits until all is well again. Rejects with what is not. What a provider left half-done is repaired within a minute. */
export async function healed(
  system: Pick<System, 'cluster' | 'events' | 'provider'>,
  { provider = system.provider, name = 'k8s-container-provider', untold = [] }: HealedOptions = {},
): Promise<void> {
  await eventually(() => healthOf(provider), isHealthy, patienceMs);
  await serves(provider);
  const look = async (): Promise<string[]> => {
    const [cached, actual] = await Promise.all([listAll(provider), lookAtCluster(system.cluster)]);
    return [
      ...halfDone(actual),
      ...cacheFaults(cached, actual),
      ...eventFaults(eventsFrom(system, name), actual, untold),
    ];
  };
  // One watch may be back while another one's memory is just getting too old: then the list is refused for a moment.
  const faults = () => look().catch((error: unknown) => [String(error)]);
  await eventually(faults, ({ length }) => length === 0, patienceMs);
}

/** `healthy`, or `unhealthy`, or why there was no answer. */
export async function healthOf({ client }: ProviderProcess): Promise<string> {
  const { data } = await client.GET('/containers/health', {});
  return data?.status ?? 'no answer';
}

/** What those who poll are ready to wait, and something for a busy machine. */
const healthBoundMs = 2_000 + 500;
/** How long one look at the cluster serves all who poll. */
const sharedProbeMs = 1_000;

/** Resolves once the provider says that it is not well, at the latest when a look of before counts no more; each poll is quick. */
export async function becomesUnhealthy(provider: ProviderProcess): Promise<void> {
  const until = performance.now() + sharedProbeMs + healthBoundMs;
  for (;;) {
    const askedAt = performance.now();
    const polls = await Promise.all(Array.from({ length: 20 }, () => healthOf(provider)));
    const tookMs = Math.round(performance.now() - askedAt);
    if (tookMs >= healthBoundMs) throw new Error(`the health took ${tookMs} ms`);
    if (polls.every((health) => health === 'unhealthy')) return;
    if (performance.now() > until) throw new Error(`the health is still ${polls.join()}`);
    await delay(10);
  }
}

function isHealthy(health: string): boolean {
  return health === 'healthy';
}

/** A container goes through its whole life without a single refusal, once the first create got through. */
async function serves({ client }: ProviderProcess): Promise<void> {
  const id = await eventually(
    async () => {
      const created = `after-${crypto.randomUUID().slice(0, 8)}`;
      return await createContainer(client, created).then(
        () => created,
        (error: unknown) => error as Error,
      );
    },
    (created) => typeof created === 'string',
    patienceMs,
  );
  if (typeof id !== 'string') throw id;
  await readContainer(client, id);
  await deleteContainer(client, id);
  const code = await readStatusCode(client, id);
  if (code !== 404) throw new Error(`${id} was deleted, and reading it is answered with ${code}`);
}

async function listAll({ client }: ProviderProcess): Promise<Container[]> {
  const containers: Container[] = [];
  let token: string | undefined;
  do {
    const page = await listPage(client, 1000, token);
    containers.push(...page.containers);
    token = page.next_page_token;
  } while (token !== undefined);
  return containers;
}

/** One container as the cluster itself has it. */
interface ActualContainer {
  container: Container;
  status: string;
  message: string;
}

/** Lists afresh, past the provider, what the provider should know. */
async function lookAtCluster({ request, namespace }: System['cluster']): Promise<Map<string, ActualContainer>> {
  const list = async (path: string): Promise<object[]> => {
    const selector = encodeURIComponent('dcm.project/managed-by=dcm,dcm.project/dcm-service-type=container');
    const response = await request('GET', `${path}?labelSelector=${selector}`);
    const body = response.body as { items?: object[] };
    if (body.items === undefined) throw new Error(`${path}: ${response.status} ${JSON.stringify(body)}`);
    return body.items;
  };
  const [deployments, services, pods] = await Promise.all([
    list(`/apis/apps/v1/namespaces/${namespace}/deployments`),
    list(`/api/v1/namespaces/${namespace}/services`),
    list(`/api/v1/namespaces/${namespace}/pods`),
  ]);
  const moment = momentOf(systemClock);
  const all = {
    deployments: deployments.map((object) => projectDeployment(object)).filter((record) => record !== undefined),
    services: services.map(projectService).filter((record) => record !== undefined),
    pods: pods.map((pod) => projectPod(pod, { moment })).filter((record) => record !== undefined),
  };
  const actual = new Map<string, ActualContainer>();
  for (const id of new Set(all.deployments.map(({ containerId }) => containerId))) {
    const objects = objectsOf(all, id);
    const view = viewObjects(objects, { namespace, moment });
    const report = containerStatus(observeObjects(objects), moment);
    // One that a finalizer holds is gone.
    if (view && report.status !== 'DELETED') actual.set(id, { container: view.container, ...report });
  }
  return actual;
}

function objectsOf({ deployments, services, pods }: ContainerObjects, id: string): ContainerObjects {
  const isOfIt = ({ containerId }: { containerId: string }): boolean => containerId === id;
  return { deployments: deployments.filter(isOfIt), services: services.filter(isOfIt), pods: pods.filter(isOfIt) };
}

function halfDone(actual: ReadonlyMap<string, ActualContainer>): string[] {
  const incomplete = [...actual.values()].filter(({ container: { service, spec } }) => {
    const isReachable = spec.network?.ports?.some(({ visibility }) => visibility !== 'none') ?? false;
    return isReachable && service === undefined;
  });
  return incomplete.map(({ container }) => `${container.id} lacks its Service`);
}

function cacheFaults(cached: readonly Container[], actual: ReadonlyMap<string, ActualContainer>): string[] {
  const faults: string[] = [];
  const ids = new Set(cached.map(({ id }) => id));
  for (const id of actual.keys()) if (!ids.has(id)) faults.push(`${id} is in the cluster and not in the cache`);
  for (const container of cached) {
    const there = actual.get(container.id)?.container;
    if (there === undefined) faults.push(`${container.id} is in the cache and not in the cluster`);
    else if (shown(there) !== shown(container)) {
      faults.push(`${container.id} is ${shown(there)} in the cluster and ${shown(container)} in the cache`);
    }
  }
  return faults;
}

/** All but `update_time`: that of the cache never goes back, and so may be later. */
function shown(container: Container): string {
  return JSON.stringify({ ...container, update_time: undefined });
}

function eventsFrom(
  { events }: Pick<System, 'events'>,
  name: string | readonly string[],
): Map<string, StatusCloudEvent['data']> {
  const sources = new Set([name].flat().map((each) => `dcm/providers/${each}`));
  const own = events.received.filter(({ event }) => sources.has(event.source));
  return new Map(own.map(({ event }) => [event.data.id, event.data]));
}

function eventFaults(
  last: ReadonlyMap<string, StatusCloudEvent['data']>,
  actual: ReadonlyMap<string, ActualContainer>,
  untold: readonly string[],
): string[] {
  const faults: string[] = [];
  for (const [id, { container, status, message }] of actual) {
    const told = last.get(id);
    const endpoints = container.endpoints ?? null;
    const isTold = told?.status === status && told.message === message;
    if (isTold && isDeepStrictEqual(told.output_spec?.endpoints, endpoints)) continue;
    const now = JSON.stringify({ status, message, endpoints });
    faults.push(`${id} is ${now}, and its last event says ${JSON.stringify(told)}`);
  }
  for (const [id, { status }] of last) {
    if (actual.has(id) || untold.includes(id) || status === 'DELETED') continue;
    faults.push(`${id} is gone, and its last event says ${status}`);
  }
  return faults;
}
