#!/usr/bin/env bash
# nats 2.29.3 (npm) with nats-server 2.15.2: a key-value bucket that does not exist is opened with `bindOnly`, which says that
# it is not to be made, and a key is read.
# Guessed: opening it fails; at the latest reading does.
# Seen:    both succeed. The key reads as null, just as one that a bucket does not have: a bucket that is lost looks empty.
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
cat >read.mjs <<'JS'
import { readFileSync, readdirSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { connect } from 'nats';
const portsFile = () => readdirSync('.').find((name) => name.endsWith('.ports'));
for (let tries = 0; portsFile() === undefined && tries < 100; tries++) await delay(100);
const [server] = JSON.parse(readFileSync(portsFile(), 'utf8')).nats;
const connection = await connect({ servers: server });
const bucket = await connection.jetstream().views.kv('absent', { bindOnly: true });
console.log(`opened; the key reads as ${await bucket.get('key')}`);
let streams = 0;
for await (const _ of (await connection.jetstreamManager()).streams.list()) streams++;
console.log(`streams of the server: ${streams}`);
await connection.close();
JS
said=$(node read.mjs)
echo "$said"
[[ $said == $'opened; the key reads as null\nstreams of the server: 0' ]]
