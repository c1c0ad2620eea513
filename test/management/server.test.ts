/** The management listener under clients that ask for more than there is to tell. */
import { connect } from 'node:net';
import { pino } from 'pino';
import t from 'tap';
import { createManagementServer } from '../../src/management/server.ts';
import { Probes } from '../../src/management/probes.ts';
import { until } from '../support/until.ts';

t.test('scrapes that are asked for at once are one', async (t) => {
  let scrapes = 0;
  let address = '';
  const server = createManagementServer({
    address: { host: '127.0.0.1', port: 0 },
    probes: new Probes([]),
    metrics: {
      contentType: 'text/plain',
      scrape: async () => {
        scrapes++;
        await new Promise(setImmediate);
        return `scrape ${scrapes}\n`;
      },
    },
    log: pino({ base: null }, { write: (line: string) => void (address ||= addressIn(line)) }),
  });
  await server.start();
  t.teardown(() => server.stop(AbortSignal.timeout(1_000)));

  const count = 200;
  const socket = connect({ host: '127.0.0.1', port: Number(address.split(':')[1]) });
  t.teardown(() => socket.destroy());
  let received = '';
  socket.setEncoding('utf8').on('data', (chunk: string) => (received += chunk));
  const answers = () => received.match(/^scrape \d+$/gm) ?? [];
  socket.write('GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(count));
  await until('all are answered', () => answers().length === count);
  t.ok(scrapes < count / 4, `${scrapes} scrapes`);

  const before = scrapes;
  socket.write('GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n');
  await until('a later one is answered', () => answers().length === count + 1);
  t.equal(answers().at(-1), `scrape ${before + 1}`, 'with what is then');
});

function addressIn(line: string): string {
  return (JSON.parse(line) as { managementAddress?: string }).managementAddress ?? '';
}
