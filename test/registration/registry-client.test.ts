/** What is sent is what is configured. No try outlasts its signal, whatever the registry does not do, or leaves a connection behind. */
import t from 'tap';

import { buildRegistration, postRegistration } from '../../src/registration/registry-client.ts';
import { startRegistry } from '../../scripts/registry.ts';
import { failureOf } from '../support/cluster.ts';
import { stalls, startStalledServer } from '../support/stalled-server.ts';
import { until } from '../support/until.ts';

const limitMs = 300;
/** What a busy machine may add, in milliseconds. */
const slackMs = 450;

const registration = {
  name: 'k8s',
  service_type: 'container',
  schema_version: 'v1alpha1',
  endpoint: 'http://provider/api/v1alpha1/containers',
  operations: ['CREATE', 'DELETE', 'READ'],
} satisfies Parameters<typeof postRegistration>[1];

for (const stall of stalls) {
  t.test(`where the ${stall} is waited for in vain, no try takes longer than until its signal`, async (t) => {
    await using server = await startStalledServer(stall);
    const startedAt = performance.now();
    const attempt = postRegistration(server.url, registration, { signal: AbortSignal.timeout(limitMs) });
    // Its status decides, and the rest of the answer is not waited for.
    if (stall === 'body') t.match(await attempt, { outcome: 'registered' });
    else t.match(await failureOf(attempt), { name: 'TimeoutError' });
    t.ok(performance.now() - startedAt < limitMs + slackMs);
    if (server.connections) await until('all connections are closed', () => server.connections!() === 0);
  });
}

const sent = {
  name: 'provider-1',
  service_type: 'container',
  schema_version: 'v1alpha1',
  endpoint: 'http://provider:8080/api/v1alpha1/containers',
  operations: ['CREATE', 'DELETE', 'READ'],
};
const identity = { name: 'provider-1', endpoint: 'http://provider:8080' };

t.test('leaves out what is not configured', (t) => {
  t.strictSame(buildRegistration(identity), sent);
  t.end();
});

t.test('sends everything that is configured', (t) => {
  const registration = buildRegistration({ ...identity, displayName: 'Containers', region: 'eu', zone: 'eu-1' });
  t.strictSame(registration, {
    ...sent,
    display_name: 'Containers',
    metadata: { region_code: 'eu', zone: 'eu-1' },
  });
  t.end();
});

t.test('sends the one member of metadata that is configured', (t) => {
  t.strictSame(buildRegistration({ ...identity, zone: 'eu-1' }), { ...sent, metadata: { zone: 'eu-1' } });
  t.strictSame(buildRegistration({ ...identity, region: 'eu' }), { ...sent, metadata: { region_code: 'eu' } });
  t.end();
});

t.test('of an answer without end no more is read than is shown', async (t) => {
  await using registry = await startRegistry();
  registry.behave((response) => {
    response.writeHead(409);
    const pour = () => {
      while (!response.destroyed && response.write('x'.repeat(64 * 1024)));
    };
    response.on('drain', pour);
    pour();
  });
  const result = await postRegistration(registry.url, registration, { signal: AbortSignal.timeout(20_000) });
  t.strictSame(result, { outcome: 'refused', status: 409, answer: 'x'.repeat(1_000) });
});
