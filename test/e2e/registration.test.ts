import t from 'tap';
import { startSystem } from '../support/system.ts';

t.test('the registration', async (t) => {
  const env = {
    SP_DISPLAY_NAME: 'Containers on Kubernetes',
    SP_REGION: 'eu-north',
    SP_ENDPOINT: 'http://sp.example:81/',
  };
  await using system = await startSystem({ env });
  const { provider, registry } = system;

  await t.test('arrives with all that DCM needs to find the provider', async (t) => {
    await registry.received(1);
    t.match(registry.requests, [{ method: 'POST', path: '/api/v1alpha1/providers', contentType: 'application/json' }]);
    t.strictSame(registry.requests[0]?.body, {
      name: 'k8s-container-provider',
      service_type: 'container',
      schema_version: 'v1alpha1',
      display_name: 'Containers on Kubernetes',
      endpoint: 'http://sp.example:81/api/v1alpha1/containers',
      operations: ['CREATE', 'DELETE', 'READ'],
      metadata: { region_code: 'eu-north' },
    });
    await provider.logged(({ msg }) => msg === 'registered');
    t.equal(registry.requests.length, 1);
  });

  await t.test('names an endpoint whose health is what DCM polls', async (t) => {
    const { data } = await provider.client.GET('/containers/health');
    t.match(data, { status: 'healthy', path: 'health', version: /^\d+\.\d+\.\d+/, uptime: Number });
  });
});
