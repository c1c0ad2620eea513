/** No number of large creates ends the process, whose heap is as small as in a small container. */
import t from 'tap';
import { startKubernetesApi } from '../../scripts/sandbox/kubernetes/api.ts';
import { containerSpec } from '../support/base-spec.ts';
import { until } from '../support/until.ts';
import { startService } from './service.ts';

const bodyBytes = 200 * 1024;

/** Of small objects, which take some twenty times as much once they are parsed. */
function heavyBody(): string {
  const start = `{"spec":${JSON.stringify(containerSpec()).slice(0, -1)},"filler":[{}`;
  const end = ']}}';
  return start + ',{}'.repeat((bodyBytes - start.length - end.length) / 3) + end;
}

t.test(
  '200 creates of 200 KiB while the API server hangs are answered by a process with 256 MiB of heap',
  async (t) => {
    await using cluster = await startKubernetesApi();
    await using service = startService(
      { SP_K8S_KUBECONFIG: await cluster.writeKubeconfig(), SP_SERVER_REQUEST_TIMEOUT: '10s' },
      { nodeArgs: ['--max-old-space-size=256'] },
    );
    const url = `${await service.listening()}/api/v1alpha1/containers`;
    await until('the caches are filled', async () => (await fetch(url)).status === 200);
    const hang = cluster.faults.hang({ verb: 'create' });
    const body = heavyBody();
    const create = async (): Promise<string> => {
      const response = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
      await response.text();
      return `${response.status} ${response.headers.has('retry-after')}`;
    };
    const answers = Promise.allSettled(Array.from({ length: 200 }, create));
    await until('some are under way', () => hang.hits > 0);
    t.equal((await fetch(`${url}/health`)).status, 200);
    t.strictSame(
      new Set((await answers).map((answer) => (answer.status === 'fulfilled' ? answer.value : String(answer.reason)))),
      new Set(['503 true']),
    );
    t.equal(service.child.exitCode, null);
    cluster.faults.clear();
    const small = JSON.stringify({ spec: containerSpec() });
    const created = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body: small });
    t.equal(created.status, 201);
  },
);
