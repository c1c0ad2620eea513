#!/usr/bin/env bash
# cloudevents 10.0.0 (npm): an event is received whose `time` is no time at all.
# Guessed: it is refused as invalid, or `time` is missing afterwards.
# Seen:    it is taken, and its `time` is the moment at which it was read, as if it had just happened there.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund cloudevents@10.0.0
cat >read.mjs <<'JS'
import { HTTP } from 'cloudevents';
const body = JSON.stringify({ specversion: '1.0', id: '1', source: '/s', type: 't', time: 'yesterday' });
const event = HTTP.toEvent({ headers: { 'content-type': 'application/cloudevents+json' }, body });
const isNow = Math.abs(Date.parse(event.time) - Date.now()) < 60_000;
console.log(`time "yesterday" was read as ${isNow ? 'now' : event.time}`);
JS
said=$(node read.mjs)
echo "$said"
[[ $said == 'time "yesterday" was read as now' ]]
