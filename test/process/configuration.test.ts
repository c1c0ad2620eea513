import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';

import t from 'tap';

import { mainFile } from '../support/main-file.ts';
import { required, startService } from './service.ts';
import { startProcess } from '../support/process.ts';

t.test('names every fault of the environment on standard error and exits with 1', async (t) => {
  await using service = startProcess(process.execPath, [mainFile], {
    env: { SP_NAME: 'not a name', SP_SERVER_READ_TIMEOUT: '15', SP_ENDPOINT: 'http://user:hunter2@host' },
  });
  t.strictSame(await service.ended, { code: 1, signal: null });
  t.equal(service.stdout(), '');
  const lines = service.stderr().trimEnd().split('\n');
  t.equal(lines[0], 'The configuration is not valid:');
  t.strictSame(
    lines.slice(1).map((line) => line.trim().split(' ')[0]),
    [
      'SP_NAME',
      'SP_ENDPOINT',
      'DCM_REGISTRATION_URL',
      'SP_K8S_EXTERNAL_SVC_TYPE',
      'SP_NATS_URL',
      'SP_SERVER_READ_TIMEOUT',
    ],
  );
  t.notMatch(service.stderr(), 'hunter2');
});

t.test('opens nothing when one value of the environment is bad', async (t) => {
  let connections = 0;
  const server = createServer((socket) => {
    connections += 1;
    socket.destroy();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  const address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  // The address to listen on is taken too: had it been tried, the fault would be another one.
  await using service = startService({
    ...required,
    DCM_REGISTRATION_URL: `http://${address}`,
    SP_NATS_URL: `nats://${address}`,
    SP_SERVER_ADDRESS: address,
    SP_MONITOR_RESYNC_PERIOD: 'never',
  });
  t.strictSame(await service.ended, { code: 1, signal: null });
  t.match(service.stderr(), /^The configuration is not valid:\n {2}SP_MONITOR_RESYNC_PERIOD is "never": .*\n$/);
  t.equal(service.stdout(), '');
  t.equal(connections, 0);
});

t.test('exits with 1 when the kubeconfig is not there', async (t) => {
  await using service = startService({ SP_K8S_KUBECONFIG: '/nowhere/kubeconfig' });
  t.strictSame(await service.ended, { code: 1, signal: null });
  t.match(service.log(), [{ msg: 'starting' }, { level: 'error', msg: 'cannot start' }]);
});

t.test('exits with 1 when it is neither in a cluster nor told of one', async (t) => {
  await using service = startService({});
  t.strictSame(await service.ended, { code: 1, signal: null });
  t.match(service.log(), [
    { msg: 'starting' },
    { level: 'error', msg: 'cannot start', err: { message: /kubeconfig/ } },
  ]);
});
