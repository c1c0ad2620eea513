#!/usr/bin/env bash
# nats-server 2.15.2 with the client nats 2.29.3 (npm): a stream of limited size that discards old messages gets one that is
# larger than the whole stream.
# Guessed: the publish is refused, as one larger than `max_msg_size` is.
# Seen:    it is acknowledged with a sequence, nothing is stored, and all that was stored before is gone.
set -euo pipefail
folder=$(mktemp -d)
server=
trap '[[ -z $server ]] || kill "$server"; chmod -R u+w "$folder"; rm -rf "$folder"' EXIT
cd "$folder"
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund nats@2.29.3
GOFLAGS=-modcacherw GOBIN="$folder" go install github.com/nats-io/nats-server/v2@v2.15.2
./nats-server --version
./nats-server --jetstream --store_dir "$folder/data" --addr 127.0.0.1 --port -1 --ports_file_dir "$folder" >/dev/null 2>&1 &
server=$!
cat >publish.mjs <<'JS'
import { readFileSync, readdirSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { connect } from 'nats';
const portsFile = () => readdirSync('.').find((name) => name.endsWith('.ports'));
for (let tries = 0; portsFile() === undefined && tries < 100; tries++) await delay(100);
const [server] = JSON.parse(readFileSync(portsFile(), 'utf8')).nats;
const connection = await connect({ servers: server });
const manager = await connection.jetstreamManager();
await manager.streams.add({ name: 'small', subjects: ['small'], max_bytes: 1_000, discard: 'old' });
const stream = connection.jetstream();
for (let count = 0; count < 3; count++) await stream.publish('small', 'a few bytes');
const stored = async () => (await manager.streams.info('small')).state.messages;
const before = await stored();
const { seq } = await stream.publish('small', 'x'.repeat(2_000));
console.log(`acknowledged as ${seq}; stored before: ${before}, after: ${await stored()}`);
await connection.close();
JS
said=$(node publish.mjs)
echo "$said"
[[ $said == 'acknowledged as 4; stored before: 3, after: 0' ]]
