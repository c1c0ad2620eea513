/** Checks, repeatable creates, waits and hints on a whole system, whichever cluster it is on. */
import t from 'tap';
import { containerSpec, images, withImage, withPorts } from '../support/base-spec.ts';
import type { ContainerSpec } from '../support/base-spec.ts';
import { createContainer, deleteContainer, listIds, readContainer } from '../support/containers.ts';
import { startSystem } from '../support/system.ts';

const hints = {
  readiness_probe: { http_get: { path: '/ready', port: 8080 }, period_seconds: 5 },
  liveness_probe: { tcp_socket: { port: 8080 }, failure_threshold: 3 },
  startup_probe: { exec: { command: ['true'] }, initial_delay_seconds: 1 },
  security_context: {
    run_as_user: 1000,
    run_as_group: 1000,
    run_as_non_root: true as const,
    read_only_root_filesystem: true,
    drop_capabilities: ['ALL'],
  },
  termination_grace_period_seconds: 5,
};

t.test('what a client may ask beyond a create', async (t) => {
  await using system = await startSystem();
  const { client, workloads } = system;

  await t.test('hints reach the Pod template, and come back as they were sent', async (t) => {
    const spec = { ...containerSpec(), provider_hints: { kubernetes: hints, other: { kept: true } } };
    const made = await createContainer(client, 'hinted', spec);
    t.strictSame(made.spec.provider_hints, spec.provider_hints);
    const [deployment] = await workloads.of('deployments', 'hinted');
    t.match(deployment!.spec.template.spec, {
      terminationGracePeriodSeconds: 5,
      automountServiceAccountToken: false,
      containers: [
        {
          readinessProbe: { httpGet: { path: '/ready', port: 8080, scheme: 'HTTP' }, periodSeconds: 5 },
          livenessProbe: { tcpSocket: { port: 8080 }, failureThreshold: 3 },
          startupProbe: { exec: { command: ['true'] }, initialDelaySeconds: 1 },
          securityContext: {
            runAsUser: 1000,
            runAsGroup: 1000,
            runAsNonRoot: true,
            readOnlyRootFilesystem: true,
            capabilities: { drop: ['ALL'] },
          },
        },
      ],
    });
  });

  await t.test('hints that nobody allowed are refused, and nothing is made', async (t) => {
    const spec = { ...containerSpec(), provider_hints: { kubernetes: { env_from_secrets: [{ name: 'keys' }] } } };
    const { response, error } = await client.POST('/containers', {
      params: { query: { id: 'greedy' } },
      body: { spec },
    });
    t.equal(response.status, 400);
    t.match(error, { errors: [{ pointer: '/spec/provider_hints/kubernetes/env_from_secrets' }] });
    t.notOk((await listIds(client)).includes('greedy'));
  });

  await t.test('a check makes nothing, and refuses what a create refuses', async (t) => {
    const query = { id: 'checked', validate_only: true };
    const checked = await client.POST('/containers', {
      params: { query },
      body: { spec: withPorts({ 80: 'external' }) },
    });
    t.match([checked.response.status, checked.data?.id], [200, 'checked']);
    t.same([await workloads.of('deployments', 'checked'), await workloads.of('services', 'checked')], [[], []]);
    await createContainer(client, 'checked');
    const taken = await client.POST('/containers', { params: { query }, body: { spec: containerSpec() } });
    t.equal(taken.response.status, 409);
    const bad = {
      ...containerSpec(),
      image: { reference: 'x' },
      metadata: { name: 'web', labels: { a: 'b'.repeat(64) } },
    };
    const refused = await client.POST('/containers', {
      params: { query: { validate_only: true } },
      body: { spec: bad },
    });
    t.equal(refused.response.status, 400);
  });

  await t.test('a create that is sent again gets the container that it made, from any replica', async (t) => {
    await using other = await system.addProvider();
    const header = { 'Idempotency-Key': 'again' };
    const request = { params: { query: { id: 'again' }, header }, body: { spec: withPorts({ 80: 'internal' }) } };
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, index) => (index % 2 === 0 ? client : other.client).POST('/containers', request)),
    );
    t.ok(answers.every(({ response }) => response.status === 201));
    t.equal(answers.filter(({ response }) => response.headers.get('idempotency-replayed') === null).length, 1);
    t.equal(new Set(answers.map(({ data }) => data?.service?.name)).size, 1);
    t.equal((await workloads.of('services', 'again')).length, 1);
    const changed = { ...request, body: { spec: withPorts({ 81: 'internal' }) } };
    t.equal((await other.client.POST('/containers', changed)).response.status, 422);
  });

  await t.test('a wait ends when the container runs, and when it is deleted', async (t) => {
    await createContainer(client, 'awaited');
    const wait = (query: { status?: ('RUNNING' | 'UNKNOWN' | 'DELETED')[]; timeout?: string }) =>
      client.GET('/containers/{container_id}:wait', { params: { path: { container_id: 'awaited' }, query } });
    t.match((await wait({ timeout: '25s' })).data, { status: 'RUNNING' });
    t.match((await wait({ status: ['UNKNOWN'], timeout: '0s' })).data, { status: 'RUNNING' });
    const gone = [wait({ status: ['DELETED'], timeout: '25s' }), wait({ status: ['UNKNOWN'], timeout: '25s' })];
    await deleteContainer(client, 'awaited');
    const [asked, unasked] = await Promise.all(gone);
    t.equal(unasked!.response.status, 404);
    t.ok(asked!.response.status === 404 || asked!.data?.status === 'DELETED');
  });
});

/** All that callers may use here; the policy of the chart, on a real cluster, allows the same. */
const allowed = {
  SP_K8S_ALLOWED_HINTS:
    'readiness_probe,startup_probe,image_pull_secrets,env_from_secrets,volumes.config_map,volumes.secret',
  SP_K8S_ALLOWED_PULL_SECRETS: 'pull',
};
const probe = { tcp_socket: { port: 8080 } };
/** Restarts nothing while anybody looks. */
const patientProbe = { ...probe, failure_threshold: 10_000 };
const notReady = 'Container is not ready.';
const unconfigured = 'Container is waiting: CreateContainerConfigError: secret "missing" not found.';
const creating = 'Container is waiting: ContainerCreating.';
const cannotPull =
  'Image cannot be pulled (ImagePullBackOff): pull access denied, repository does not exist or may require ' +
  'authorization: authorization failed: no basic auth credentials.';

type Hints = NonNullable<NonNullable<ContainerSpec['provider_hints']>['kubernetes']>;

const outcomes: [id: string, image: string, hints: Hints, status: 'RUNNING' | 'PENDING', message?: string][] = [
  ['unprobed', images.unready, {}, 'RUNNING'],
  ['unready', images.unready, { readiness_probe: probe }, 'PENDING', notReady],
  ['unstarted', images.unready, { startup_probe: patientProbe }, 'PENDING', notReady],
  ['ready', images.runs, { readiness_probe: probe }, 'RUNNING'],
  ['no-keys', images.runs, { env_from_secrets: [{ name: 'missing' }] }, 'PENDING', unconfigured],
  ['keys', images.runs, { env_from_secrets: [{ name: 'keys' }] }, 'RUNNING'],
  ['no-files', images.runs, volume({ secret: { secret_name: 'missing' } }), 'PENDING', creating],
  ['no-settings', images.runs, volume({ config_map: { name: 'missing' } }), 'PENDING', creating],
  ['files', images.runs, volume({ secret: { secret_name: 'keys' } }), 'RUNNING'],
  ['no-credentials', images.private, {}, 'PENDING', cannotPull],
  ['credentials', images.private, { image_pull_secrets: [{ name: 'pull' }] }, 'RUNNING'],
];

function volume(kind: object): Hints {
  return { volumes: [{ name: 'files', mount_path: '/files', ...kind }] };
}

t.test('what becomes of a container with hints', async (t) => {
  await using system = await startSystem({
    env: allowed,
    prepare: async (workloads) => {
      for (const name of ['keys', 'pull']) {
        await workloads.create('secrets', { metadata: { name }, stringData: { PASSWORD: 'hunter2' } });
      }
    },
  });
  const { client, events, provider } = system;
  for (const [id, image, hints] of outcomes) {
    await createContainer(client, id, { ...withImage(image), provider_hints: { kubernetes: hints } });
  }
  for (const [id, , , status, message] of outcomes) {
    await events.waitFor(id, ({ data }) => data.status === status && (message ?? data.message) === data.message);
  }
  // By now those that were made last run: what was only slow would as well.
  for (const [id, , , status, message] of outcomes) {
    await t.test(`${id} is ${status}${message === undefined ? '' : `: ${message}`}`, async (t) => {
      t.equal((await readContainer(client, id)).status, status);
      t.equal(events.of(id).at(-1)?.data.status, status);
    });
  }
  await t.test('no value of a Secret is told anywhere', async (t) => {
    const { data } = await client.GET('/containers', { params: { query: {} } });
    t.notMatch(JSON.stringify([data, events.received.map(({ event }) => event), provider.log]), /hunter2|aHVudGVyMg/);
  });
});
