/** Creating containers, with and without ports, one and many at a time, and deleting them. */
import { randomUUID } from 'node:crypto';
import { buildDeployment } from '../../../src/kubernetes/objects/deployment.ts';
import { buildServices } from '../../../src/kubernetes/objects/service.ts';
import { inTurn } from '../figure.ts';
import type { FigureBuilder, Reading } from '../figure.ts';
import type { WriteStep } from '../load-process.ts';
import { containerSpec } from '../objects.ts';
import type { ProviderProcess } from '../provider-process.ts';
import type { Stage } from '../stage.ts';

const json = { 'content-type': 'application/json' };
const aim = '≤ 1.3 ×';

export const buildCreate: FigureBuilder = async (stage, stack) => {
  const provider = stack.use(await stage.startProvider(stage.namespaces.empty));
  const cases = [false, true].flatMap((withPorts) => [1, 50].map((concurrency) => ({ withPorts, concurrency })));
  for (const { withPorts } of cases) await createBoth(stage, provider, { withPorts, concurrency: 10, number: 0 });
  return {
    run: async (number) => {
      const readings: Reading[] = [];
      for (const { withPorts, concurrency } of cases) {
        const { baseline, value } = await createBoth(stage, provider, { withPorts, concurrency, number });
        const name = `create ${withPorts ? 'with a port' : 'without ports'}, ${concurrency} at a time`;
        readings.push({ name: `${name}: p50`, unit: 'ms', value: value.p50, baseline: baseline.p50, aim });
        readings.push({ name: `${name}: all`, unit: 'ms', value: value.totalMs, baseline: baseline.totalMs, aim });
      }
      return readings;
    },
  };
};

async function createBoth(
  stage: Stage,
  provider: ProviderProcess,
  { withPorts, concurrency, number }: { withPorts: boolean; concurrency: number; number: number },
) {
  const ids = () => Array.from({ length: stage.options.creates }, () => `c-${randomUUID().slice(0, 13)}`);
  const [raw, ours] = [ids(), ids()];
  const measured = await inTurn(
    number,
    () =>
      stage.load.run('write', {
        ...stage.credentials,
        concurrency,
        sequences: raw.map((id) => rawCreate(stage, id, withPorts)),
      }),
    () => stage.load.run('write', { concurrency, sequences: ours.map((id) => [create(provider, id, withPorts)]) }),
  );
  await stage.load.run('write', { concurrency: 20, sequences: [...raw, ...ours].map((id) => [remove(provider, id)]) });
  return measured;
}

/** What the provider asks of the API server for the same container, in the same order. */
function rawCreate(stage: Stage, id: string, withPorts: boolean): WriteStep[] {
  const namespace = stage.namespaces.empty;
  const identity = { id, incarnation: 'raw', namespace };
  const spec = containerSpec(0, { withPorts });
  const deployment = buildDeployment(identity, spec);
  const owner = { name: `dcm-${id}`, uid: randomUUID() };
  const options = { externalServiceType: 'LoadBalancer', isolated: false } as const;
  const services = buildServices(identity, spec, owner, options);
  const headers = { ...json, ...stage.credentials.headers };
  const step = (path: string, body: object): WriteStep => {
    const url = `${stage.api.server}${path}?fieldValidation=Strict`;
    return { url, method: 'POST', headers, body: JSON.stringify(body), status: 201 };
  };
  return [
    step(`/apis/apps/v1/namespaces/${namespace}/deployments`, deployment),
    ...services.map((service) => step(`/api/v1/namespaces/${namespace}/services`, service)),
  ];
}

export function create({ url }: ProviderProcess, id: string, withPorts: boolean): WriteStep {
  const body = JSON.stringify({ spec: containerSpec(0, { withPorts }) });
  return { url: `${url}/api/v1alpha1/containers?id=${id}`, method: 'POST', headers: json, body, status: 201 };
}

export function remove({ url }: ProviderProcess, id: string): WriteStep {
  return { url: `${url}/api/v1alpha1/containers/${id}`, method: 'DELETE', headers: {}, status: 204 };
}

/** How many requests at the API server each operation costs. */
export const buildCalls: FigureBuilder = async (stage, stack) => {
  const provider = stack.use(await stage.startProvider(stage.namespaces.empty));
  const { countCalls } = stage;
  if (!countCalls) return { run: () => Promise.resolve([]) };
  const repetitions = 10;
  const base = `${provider.url}/api/v1alpha1/containers`;
  const count = async (name: string, aimed: number, request: (id: string) => Promise<Response>): Promise<Reading> => {
    const before = await countCalls();
    for (let index = 0; index < repetitions; index++) {
      const { ok } = await request(`calls-${name.includes('port') ? 'p' : 'n'}-${index}`);
      if (!ok) throw new Error(`${name} failed`);
    }
    return {
      name: `API calls for each ${name}`,
      unit: '',
      value: ((await countCalls()) - before) / repetitions,
      aim: String(aimed),
    };
  };
  const post = (withPorts: boolean) => (id: string) =>
    fetch(`${base}?id=${id}`, {
      method: 'POST',
      headers: json,
      body: JSON.stringify({ spec: containerSpec(0, { withPorts }) }),
    });
  const erase = (id: string) => fetch(`${base}/${id}`, { method: 'DELETE' });
  return {
    run: async () => [
      await count('create', 1, post(false)),
      await count('create with a port', 2, post(true)),
      await count('GET', 0, (id) => fetch(`${base}/${id}`)),
      await count('list', 0, () => fetch(base)),
      await count('delete', 1, erase),
      await count('delete with a port', 2, erase),
    ],
  };
};
