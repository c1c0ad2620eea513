import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { parseAllDocuments } from 'yaml';
import { withPorts } from '../support/base-spec.ts';
import { createContainer, deleteContainer, readStatusCode } from '../support/containers.ts';
import { eventually } from '../support/kubernetes.ts';
import type { LogLine } from '../support/log-lines.ts';
import { isAllowed, providerRules, rulesWithout } from '../../scripts/cluster/provider-rules.ts';
import { startSystem } from '../support/system.ts';
import type { System } from '../support/system.ts';

const permissions = providerRules.flatMap(({ resources, verbs }) =>
  resources.flatMap((resource) => verbs.map((verb) => ({ verb, resource }))),
);

/** What the election and the key-value bucket need, which are off where nobody asks for them. */
const optional: ReadonlySet<string> = new Set(['leases', 'namespaces']);

t.test('the permissions in the cluster', async (t) => {
  await using system = await startSystem();
  const { cluster, client, events } = system;

  await t.test('that deploy/install.yaml gives it are those that it has here', async (t) => {
    const manifest = await readFile(join(import.meta.dirname, '../../deploy/install.yaml'), 'utf8');
    const roles = parseAllDocuments(manifest)
      .map((document) => document.toJS() as { kind: string; rules: { resources: string[] }[] } | null)
      .filter((object) => object?.kind === 'Role');
    t.equal(roles.length, 1, 'one Role');
    const onContainers = roles[0]?.rules.filter(({ resources }) => !resources.some((name) => optional.has(name)));
    t.same(onContainers, providerRules);
  });

  await t.test('are all that the whole life of a container needs', async (t) => {
    const requests = cluster.sandbox?.requests;
    requests?.clear();
    await createContainer(client, 'life', withPorts({ 8080: 'external' }));
    await events.waitFor('life', 'RUNNING');
    await deleteContainer(client, 'life');
    await events.waitFor('life', 'DELETED');
    t.equal(await readStatusCode(client, 'life'), 404);
    const asked = requests?.last().filter(({ resource }) => !resource.startsWith('/')) ?? [];
    t.same(
      asked.filter(({ verb, resource }) => !isAllowed(providerRules, verb, resource)),
      [],
    );
    t.notOk(system.provider.log.some(({ msg }) => msg.includes('permission')));
  });

  for (const { verb, resource } of permissions.filter(({ verb }) => verb === 'create' || verb === 'delete')) {
    await t.test(`the log names what is missing when the provider may not ${verb} ${resource}`, async () => {
      await using _forbidden = await forbid(system, [{ verb, resource }]);
      await exercise(client, `${verb}-${resource}`);
      await system.provider.logged(isMissing({ verb, resource }, cluster.namespace));
    });
  }

  for (const verb of ['list', 'watch']) {
    await t.test(`the log names each resource that the provider may not ${verb}`, async () => {
      const taken = permissions.filter((permission) => permission.verb === verb);
      await using _forbidden = await forbid(system, taken);
      await using provider = await system.addProvider();
      await Promise.all(taken.map((permission) => provider.logged(isMissing(permission, cluster.namespace))));
    });
  }

  await t.test('may be missing for a while: once they are there, the provider serves and reports', async () => {
    await using provider = await (async () => {
      await using _forbidden = await forbid(system, permissions);
      const early = await system.addProvider({ SP_NAME: 'early' });
      await early.logged(({ msg }) => msg === 'a permission in the cluster is missing');
      return early;
    })();
    await eventually(
      () => provider.client.GET('/containers'),
      ({ response }) => response.status === 200,
      60_000,
    );
    await createContainer(provider.client, 'patient');
    await events.waitFor(
      'patient',
      ({ source, data }) => source === 'dcm/providers/early' && data.status === 'RUNNING',
    );
  });
});

interface Permission {
  verb: string;
  resource: string;
}

function isMissing({ verb, resource }: Permission, namespace: string): (line: LogLine) => boolean {
  return (line) =>
    line.level === 'error' &&
    line.msg === 'a permission in the cluster is missing' &&
    line['verb'] === verb &&
    line['resource'] === resource &&
    line['namespace'] === namespace;
}

/** A create and a delete, whatever comes of them. */
async function exercise(client: System['client'], id: string): Promise<void> {
  const spec = withPorts({ 8080: 'internal' });
  await client.POST('/containers', { params: { query: { id } }, body: { spec } });
  await client.DELETE('/containers/{container_id}', { params: { path: { container_id: id } } });
}

/** Takes permissions from the providers: on a real cluster from their Role, in the sandbox by refusing as RBAC does. */
async function forbid({ cluster, setRules }: System, taken: readonly Permission[]): Promise<AsyncDisposable> {
  if (!cluster.sandbox) {
    await setRules(rulesWithout(taken));
    return { [Symbol.asyncDispose]: () => setRules(rulesWithout([])) };
  }
  const { faults } = cluster.sandbox;
  const refusals = taken.map(({ verb, resource }) => {
    const group = resource === 'deployments' ? 'apps' : '';
    const message = `${resource}${group && `.${group}`} is forbidden: User "system:serviceaccount:${cluster.namespace}:provider" cannot ${verb} resource "${resource}" in API group "${group}" in the namespace "${cluster.namespace}"`;
    return faults.refuse({ code: 403, message }, { verb: verb as 'create', resource });
  });
  return {
    [Symbol.asyncDispose]: () => {
      for (const refusal of refusals) refusal.remove();
      return Promise.resolve();
    },
  };
}
