/** The management listener under clients that ask for more than there is to tell, or take their time. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { pino } from 'pino';
import t from 'tap';
import type { Test } from 'tap';
import { createManagementServer } from '../../src/management/server.ts';
import type { Scraped } from '../../src/management/server.ts';
import { Probes } from '../../src/management/probes.ts';
import { until } from '../support/until.ts';

/** The listener with a client that is connected to it. */
async function start(t: Test, { scrape, requestMs }: { scrape: Scraped['scrape']; requestMs?: number }) {
  let address = '';
  const server = createManagementServer({
    address: { host: '127.0.0.1', port: 0 },
    probes: new Probes([]),
    metrics: { contentType: 'text/plain', scrape },
    log: pino({ base: null }, { write: (line: string) => void (address ||= addressIn(line)) }),
    ...(requestMs !== undefined && { requestMs }),
  });
  await server.start();
  t.teardown(() => server.stop(AbortSignal.timeout(1_000)));
  const socket = connect({ host: '127.0.0.1', port: Number(address.split(':')[1]) });
  t.teardown(() => socket.destroy());
  return socket;
}

function textOf(socket: Socket): () => string {
  let received = '';
  socket.setEncoding('utf8').on('data', (chunk: string) => (received += chunk));
  return () => received;
}

t.test('scrapes that are asked for at once are one', async (t) => {
  let scrapes = 0;
  const socket = await start(t, {
    scrape: async () => {
      scrapes++;
      await new Promise(setImmediate);
      return `scrape ${scrapes}\n`;
    },
  });
  const count = 200;
  const received = textOf(socket);
  const answers = () => received().match(/^scrape \d+$/gm) ?? [];
  socket.write('GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(count));
  await until('all are answered', () => answers().length === count);
  t.ok(scrapes < count / 4, `${scrapes} scrapes`);

  const before = scrapes;
  socket.write('GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n');
  await until('a later one is answered', () => answers().length === count + 1);
  t.equal(answers().at(-1), `scrape ${before + 1}`, 'with what is then');
});

t.test('a request that does not arrive in time is answered 408', async (t) => {
  const socket = await start(t, { scrape: () => Promise.resolve(''), requestMs: 200 });
  const received = textOf(socket);
  socket.write('GET /livez HTTP/1.1\r\nHost:');
  await once(socket, 'close', { signal: AbortSignal.timeout(10_000) });
  t.match(received(), /^HTTP\/1\.1 408 /);
});

t.test('a client that does not take its answer is cut off', async (t) => {
  const ends: Socket[] = [];
  const onSocket = (message: unknown) => void ends.push((message as { socket: Socket }).socket);
  subscribe('net.server.socket', onSocket);
  t.teardown(() => unsubscribe('net.server.socket', onSocket));
  // More than the buffers of both ends of the connection hold.
  const socket = await start(t, { scrape: () => Promise.resolve('x'.repeat(32 * 1024 * 1024)), requestMs: 200 });
  socket.pause().on('error', () => undefined);
  socket.write('GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n');
  await until('it is answered', () => ends.some(({ bytesWritten }) => bytesWritten > 0));
  await until('it is cut off', () => ends.every(({ destroyed }) => destroyed));
  t.equal(ends.length, 1);
});

function addressIn(line: string): string {
  return (JSON.parse(line) as { managementAddress?: string }).managementAddress ?? '';
}
