/** The sandbox's part of it; that of a real node is in `test/node/logs.test.ts`. */
import t from 'tap';
import { quickTimes } from '../../scripts/sandbox/kubernetes/controllers/times.ts';
import { openSandbox } from '../support/kubernetes.ts';
import { checkLogs } from './logs.ts';

t.test('a log', async (t) => {
  await using cluster = await openSandbox({ controllers: quickTimes });
  await checkLogs(t, { cluster, image: (name) => `registry.example/${name}:1` });
});
