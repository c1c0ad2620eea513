/** A small slice of the near-valid requests that `npm run fuzz` sends. */
import fc from 'fast-check';
import t from 'tap';
import { nearValidRequests } from '../../scripts/fuzz/near-valid.ts';
import { describeRequest, findFault } from '../../scripts/fuzz/visit.ts';
import { startHttpServer } from '../support/http.ts';

const seed = 20260121;
const secret = 'marked-as-secret';

t.test('answers near-valid requests as the document says, and logs no value that is secret', async (t) => {
  await using server = await startHttpServer();
  const faults: string[] = [];
  for (const request of fc.sample(nearValidRequests(secret), {
    numRuns: 300,
    seed: Number(process.env.S ?? seed),
  })) {
    const fault = await findFault(server.url, request);
    if (fault !== undefined) faults.push(`${fault}\n${describeRequest(request)}`);
  }
  t.strictSame(faults, [], `seed ${seed}`);
  t.notMatch(JSON.stringify(server.logLines), secret);
  t.ok(server.logLines.length >= 300, 'every request is in the log');
});
