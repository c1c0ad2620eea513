import t from 'tap';

import { buildRegistration } from '../../src/registration/registry-client.ts';

const base = {
  name: 'provider-1',
  service_type: 'container',
  schema_version: 'v1alpha1',
  endpoint: 'http://provider:8080/api/v1alpha1/containers',
  operations: ['CREATE', 'DELETE', 'READ'],
};
const identity = { name: 'provider-1', endpoint: 'http://provider:8080' };

t.test('leaves out what is not configured', (t) => {
  t.strictSame(buildRegistration(identity), base);
  t.end();
});

t.test('sends everything that is configured', (t) => {
  const registration = buildRegistration({ ...identity, displayName: 'Containers', region: 'eu', zone: 'eu-1' });
  t.strictSame(registration, {
    ...base,
    display_name: 'Containers',
    metadata: { region_code: 'eu', zone: 'eu-1' },
  });
  t.end();
});

t.test('sends the one member of metadata that is configured', (t) => {
  t.strictSame(buildRegistration({ ...identity, zone: 'eu-1' }), { ...base, metadata: { zone: 'eu-1' } });
  t.strictSame(buildRegistration({ ...identity, region: 'eu' }), { ...base, metadata: { region_code: 'eu' } });
  t.end();
});
