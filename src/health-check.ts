/**
 * The image's health check: exits with 0 when the provider that this environment configures serves, else with 1. Asked is
 * the management address where there is one. (Not by `fetch`, which refuses some ports.)
 */
import { request as requestInPlainText } from 'node:http';
import { request as requestOverTls } from 'node:https';

import { parseListenAddress } from './config/address.ts';

const deadlineMs = 4_000;

const { SP_MANAGEMENT_ADDRESS: management, SP_SERVER_ADDRESS: server } = process.env;
const { SP_SERVER_TLS_CERT: certificate, SP_SERVER_TLS_CLIENT_CA: clientAuthorities } = process.env;
const { host, port } = parseListenAddress(management || server || ':8080') ?? { host: '', port: 8080 };
const request = certificate && !management ? requestOverTls : requestInPlainText;
// Whom the certificate names is of no concern here, nor who has signed it: it is this machine that is asked.
request({
  host: { '': '127.0.0.1', '0.0.0.0': '127.0.0.1', '::': '::1' }[host] ?? host,
  port,
  path: management ? '/livez' : '/api/v1alpha1/containers/health',
  rejectUnauthorized: false,
  signal: AbortSignal.timeout(deadlineMs),
})
  .once('response', ({ statusCode }) => process.exit(statusCode === 200 ? 0 : 1))
  .once('error', () => process.exit(1))
  .once('socket', (socket) => {
    // Nobody is answered without a certificate then; that the server shows its own is all there is to see.
    if (clientAuthorities && !management) socket.once('secureConnect', () => process.exit(0));
  })
  .end();
