/** No try outlasts its signal, whatever the registry and the token endpoint do not do, and leaves no connection behind. */
import { test } from 'tap';

import { accessTokens } from '../../src/registration/access-token.ts';
import { postRegistration } from '../../src/registration/registry-client.ts';
import { failureOf } from '../support/cluster.ts';
import { ManualClock } from '../support/manual-clock.ts';
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
  test(`where the ${stall} is waited for in vain, no try takes longer than until its signal`, async (t) => {
    await using server = await startStalledServer(stall);
    const { url: tokenEndpoint } = server;
    const tokens = accessTokens({ tokenEndpoint, clientId: 'provider', clientSecret: 'secret' }, new ManualClock());
    const signal = AbortSignal.timeout(limitMs);
    const startedAt = performance.now();
    const tries = {
      registry: postRegistration(server.url, registration, { signal }),
      'token endpoint': tokens.get(signal),
    };
    await Promise.allSettled(Object.values(tries));
    t.ok(performance.now() - startedAt < limitMs + slackMs);
    for (const [name, attempt] of Object.entries<Promise<unknown>>(tries)) {
      // Its status decides, and the rest of the answer is not waited for.
      if (name === 'registry' && stall === 'body') t.match(await attempt, { outcome: 'registered' });
      else t.match(await failureOf(attempt), { name: 'TimeoutError' }, name);
    }
    if (server.connections) await until('all connections are closed', () => server.connections!() === 0);
  });
}

test('an answer of the token endpoint that is larger than any is not read to its end', async (t) => {
  await using server = await startStalledServer('flood');
  const credentials = { tokenEndpoint: server.url, clientId: 'provider', clientSecret: 'secret' };
  const error = await failureOf(accessTokens(credentials, new ManualClock()).get(AbortSignal.timeout(20_000)));
  t.match(error, { name: 'AccessTokenError', cause: { message: 'the answer has more than 1 MiB' } });
});
