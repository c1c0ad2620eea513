/** Keys that do not come: an error in time, whatever the issuer does not do. */
import t from 'tap';

import { systemClock } from '../../../src/clock.ts';
import { IssuerKeys } from '../../../src/http/auth/issuer-keys.ts';
import { failureOf } from '../../support/cluster.ts';
import { captureLog } from '../../support/log-lines.ts';
import { stalls, startStalledServer } from '../../support/stalled-server.ts';

/** Of a request for keys, and what a busy machine may add, in milliseconds. */
const limitMs = 5_000 + 500;

t.test('no token waits for keys longer than a request for them may take', async (t) => {
  await Promise.all(
    stalls.map(async (stall) => {
      await using server = await startStalledServer(stall);
      const options = { issuer: server.url, log: captureLog().log, clock: systemClock };
      for (const keys of [new IssuerKeys({ ...options, jwksUrl: server.url }), new IssuerKeys(options)]) {
        const startedAt = performance.now();
        const error = await failureOf(keys.find({ alg: 'ES256' }, { payload: '', signature: '' }) as Promise<unknown>);
        t.match(error, { name: 'KeysUnavailableError' }, stall);
        t.ok(performance.now() - startedAt < limitMs, stall);
      }
    }),
  );
});
