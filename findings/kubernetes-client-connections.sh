#!/usr/bin/env bash
# @kubernetes/client-node 2.0.1 (npm): ten lists, one after the other, of an API server that keeps connections alive, over
# TLS with an authority of its own, as every cluster has one.
# Guessed: they share one connection; the client keeps a cache of agents for that.
# Seen:    each makes a connection of its own, with a TLS handshake, and all ten are still open at the end. The cache is of
#          the agents of `https`; requests of the API and of watches take a new one of undici's each time.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund @kubernetes/client-node@2.0.1
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout key.pem -out cert.pem -days 1 \
  -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1 2>/dev/null
cat >list.mjs <<'JS'
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { CoreV1Api, KubeConfig } from '@kubernetes/client-node';
const cert = readFileSync('cert.pem');
const server = createServer({ cert, key: readFileSync('key.pem'), keepAliveTimeout: 60_000 }, (_, response) => {
  response.setHeader('content-type', 'application/json').end('{"kind":"PodList","apiVersion":"v1","metadata":{},"items":[]}');
});
let made = 0;
server.on('secureConnection', () => (made += 1));
server.listen(0, '127.0.0.1');
await once(server, 'listening');
const config = new KubeConfig();
const address = `https://127.0.0.1:${server.address().port}`;
config.loadFromClusterAndUser({ name: 'a', server: address, caData: cert.toString('base64') }, { name: 'a', token: 't' });
const api = config.makeApiClient(CoreV1Api);
for (let count = 0; count < 10; count++) await api.listNamespacedPod({ namespace: 'default' });
server.getConnections((_, open) => {
  console.log(`connections made: ${made}, open at the end: ${open}`);
  process.exit();
});
JS
said=$(node list.mjs)
echo "$said"
[[ $said == 'connections made: 10, open at the end: 10' ]]
