/** The image's health check as it is run: a process with the provider's environment. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import t from 'tap';
import { makeCertificate } from '../support/certificate.ts';
import { startHttpServer } from '../support/http.ts';

const file = join(import.meta.dirname, '../../src/health-check.ts');

/** The exit code. */
async function check(env: Record<string, string>): Promise<number> {
  const child = spawn(process.execPath, [file], { env: { PATH: process.env.PATH, ...env }, stdio: 'inherit' });
  const [code] = (await once(child, 'exit')) as [number];
  return code;
}

const at = (port: number) => `127.0.0.1:${port}`;

t.test('asks for the health over plain HTTP', async (t) => {
  await using server = await startHttpServer();
  t.equal(await check({ SP_SERVER_ADDRESS: at(server.port) }), 0);
  await server.app.close();
  t.equal(await check({ SP_SERVER_ADDRESS: at(server.port) }), 1);
});

t.test('asks over TLS, whoever has signed the certificate', async (t) => {
  await using certificate = await makeCertificate();
  await using server = await startHttpServer({ tls: certificate });
  const env = { SP_SERVER_ADDRESS: at(server.port), SP_SERVER_TLS_CERT: certificate.certFile };
  t.equal(await check(env), 0);
  t.equal(await check({ SP_SERVER_ADDRESS: at(server.port) }), 1, 'nothing is served over plain HTTP');
});

t.test(
  'where clients need certificates, which it has none of, it is content with the certificate of the server',
  async (t) => {
    await using certificate = await makeCertificate();
    await using authorities = await makeCertificate();
    await using server = await startHttpServer({ tls: { ...certificate, clientCaFile: authorities.certFile } });
    const env = {
      SP_SERVER_ADDRESS: at(server.port),
      SP_SERVER_TLS_CERT: certificate.certFile,
      SP_SERVER_TLS_CLIENT_CA: authorities.certFile,
    };
    t.equal(await check(env), 0);
    await server.app.close();
    t.equal(await check(env), 1);
  },
);

t.test('asks the management address where there is one, over plain HTTP', async (t) => {
  await using certificate = await makeCertificate();
  let status = 200;
  const asked: (string | undefined)[] = [];
  const management = createServer(({ url }, response) => {
    asked.push(url);
    response.writeHead(status).end();
  });
  management.listen(0, '127.0.0.1');
  await once(management, 'listening');
  t.teardown(() => management.close());
  const env = {
    SP_SERVER_ADDRESS: '127.0.0.1:1',
    SP_SERVER_TLS_CERT: certificate.certFile,
    SP_SERVER_TLS_CLIENT_CA: certificate.certFile,
    SP_MANAGEMENT_ADDRESS: at((management.address() as AddressInfo).port),
  };
  t.equal(await check(env), 0);
  status = 500;
  t.equal(await check(env), 1);
  t.strictSame(asked, ['/livez', '/livez']);
});
