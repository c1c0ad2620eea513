/** What the API server and a kubelet answer to who asks for a log: the sandbox's and a real node's are held to the same. */
import type { Test } from 'tap';
import { eventually } from '../support/kubernetes.ts';
import type { ClusterResponse, TestCluster } from '../support/kubernetes.ts';
import { pathsIn } from './objects.ts';

export interface LogCluster {
  cluster: TestCluster;
  /** Of a name that the sandbox knows how to play; on a real node there are images of these names. */
  image(name: 'echo' | 'crash' | 'done' | 'missing'): string;
}

interface Container {
  name?: string;
  image: string;
  /** A line of shell. */
  shell: string;
  volumeMounts?: object[];
}

export async function checkLogs(t: Test, { cluster, image }: LogCluster): Promise<void> {
  const { pods } = pathsIn(cluster.namespace);
  const stays = 'sleep 86400';

  const make = async (name: string, containers: Container[], spec: object = {}): Promise<void> => {
    const described = containers.map(({ name: of = 'main', shell, ...container }) => ({
      ...container,
      name: of,
      command: ['sh', '-c', shell],
    }));
    const body = { metadata: { name }, spec: { terminationGracePeriodSeconds: 1, containers: described, ...spec } };
    const { status, body: answer } = await cluster.request('POST', pods, body);
    if (status !== 201) throw new Error(JSON.stringify(answer));
  };
  const log = (name: string, query = ''): Promise<ClusterResponse> =>
    cluster.request('GET', `${pods}/${name}/log${query}`);
  /** The log once it is there. */
  const written = (name: string, query = ''): Promise<ClusterResponse> =>
    eventually(
      () => log(name, query),
      ({ status, body }) => status === 200 && body !== '',
    );
  const failure = (code: number, reason: string, message: string | RegExp) => ({
    status: code,
    body: { kind: 'Status', status: 'Failure', code, reason, message },
  });

  await t.test('of one that runs', async (t) => {
    await make('runs', [{ image: image('echo'), shell: `echo one; echo two words; ${stays}` }]);
    const whole = await written('runs');
    t.equal(whole.body, 'one\ntwo words\n');
    t.equal(whole.headers['content-type'], 'text/plain');
    t.equal((await log('runs', '?container=main&follow=false')).body, 'one\ntwo words\n');
    t.equal((await log('runs', '?tailLines=1')).body, 'two words\n');
    t.equal((await log('runs', '?tailLines=0')).body, '');
    t.equal((await log('runs', '?tailLines=9')).body, 'one\ntwo words\n');
    t.equal((await log('runs', '?limitBytes=5')).body, 'one\nt');
    t.equal((await log('runs', '?sinceSeconds=3600')).body, 'one\ntwo words\n');
    t.match(
      (await log('runs', '?timestamps=true')).body,
      /^(20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z (one|two words)\n){2}$/,
    );
  });

  await t.test('of one that ends', async (t) => {
    await make('ends', [{ image: image('done'), shell: 'echo one; sleep 1' }], { restartPolicy: 'Never' });
    await written('ends');
    t.equal((await log('ends', '?follow=true')).body, 'one\n', 'which ends with it');
  });

  await t.test('of the run before', async (t) => {
    await make('crashes', [{ image: image('crash'), shell: 'echo one; exit 1' }]);
    t.equal((await written('crashes', '?previous=true')).body, 'one\n');
    t.equal((await log('crashes')).body, 'one\n');
    const { status, body } = await log('runs', '?previous=true');
    const message = 'previous terminated container "main" in pod "runs" not found';
    t.match({ status, body }, failure(400, 'BadRequest', message));
  });

  await t.test('of one that waits', async (t) => {
    const volumes = [{ name: 'absent', configMap: { name: 'absent' } }];
    const volumeMounts = [{ name: 'absent', mountPath: '/absent' }];
    await make('creates', [{ image: image('echo'), shell: stays, volumeMounts }], { volumes });
    await make('pulls', [{ image: image('missing'), shell: stays }]);
    for (const query of ['', '?follow=true']) {
      const creating = await eventually(
        () => log('creates', query),
        ({ body }) => / is waiting to start: C/.test(body?.message ?? ''),
      );
      const message = 'container "main" in pod "creates" is waiting to start: ContainerCreating';
      t.match(creating, failure(400, 'BadRequest', message));
      const pulling = await eventually(
        () => log('pulls', query),
        ({ body }) => / pull/.test(body?.message ?? ''),
      );
      t.match(
        pulling,
        failure(
          400,
          'BadRequest',
          /^container "main" in pod "pulls" is waiting to start: (trying and failing to pull image|image can't be pulled)$/,
        ),
      );
    }
  });

  await t.test('of one that is not there', async (t) => {
    const absent = await log('absent');
    t.match(absent, failure(404, 'NotFound', 'pods "absent" not found'));
    t.match(absent.body.details, { name: 'absent', kind: 'pods' });
    t.match(
      await log('runs', '?container=other'),
      failure(400, 'BadRequest', 'container other is not valid for pod runs'),
    );
    await make('both', [
      { name: 'first', image: image('echo'), shell: `echo first; ${stays}` },
      { name: 'second', image: image('echo'), shell: `echo second; ${stays}` },
    ]);
    t.equal((await written('both', '?container=second')).body, 'second\n');
    const message = 'a container name must be specified for pod both, choose one of: [first second]';
    t.match(await log('both'), failure(400, 'BadRequest', message));
  });

  await t.test('with options that cannot be', async (t) => {
    const invalid = (field: string, value: number, rule: string) =>
      failure(422, 'Invalid', `PodLogOptions "runs" is invalid: ${field}: Invalid value: ${value}: ${rule}`);
    t.match(await log('runs', '?tailLines=-1'), invalid('tailLines', -1, 'must be greater than or equal to 0'));
    t.match(await log('runs', '?limitBytes=0'), invalid('limitBytes', 0, 'must be greater than 0'));
    t.match(await log('runs', '?sinceSeconds=0'), invalid('sinceSeconds', 0, 'must be greater than 0'));
    t.match(await log('runs', '?tailLines=x'), {
      status: 400,
      body: { reason: 'BadRequest', message: /invalid syntax/ },
    });
    t.equal((await cluster.request('POST', `${pods}/runs/log`, {})).status, 405);
  });
}
