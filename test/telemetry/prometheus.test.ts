import { readFileSync } from 'node:fs';
import t from 'tap';
import { PrometheusMetrics } from '../../src/telemetry/prometheus.ts';
import type { MetricSources } from '../../src/telemetry/prometheus.ts';

const sources: MetricSources = {
  caches: () => ({ deployments: { objects: 3, ageSeconds: 1.5 } }),
  events: () => ({ containers: new Map([['RUNNING', 2]]), unconfirmed: 4, connected: true, owedKeys: 5 }),
  leads: () => true,
  election: { lease: 'provider', isLed: () => true },
};

/** Names with their labels, and values, of what is our own. */
async function ownSamples(metrics: PrometheusMetrics): Promise<Record<string, string>> {
  const lines = (await metrics.scrape()).split('\n').filter((line) => /^(dcm_|leader_)/.test(line));
  return Object.fromEntries(lines.map((line) => line.split(/ (?=\S+$)/) as [string, string]));
}

t.test('what the parts are asked for at a scrape', async (t) => {
  const metrics = new PrometheusMetrics('1.2.3+abc');
  metrics.collectFrom(sources);
  metrics.registrationAnswered('registered');
  t.match(await ownSamples(metrics), {
    'dcm_build_info{version="1.2.3",revision="abc"}': '1',
    'dcm_cache_objects{resource="deployments"}': '3',
    'dcm_cache_age_seconds{resource="deployments"}': '1.5',
    'dcm_containers{status="RUNNING"}': '2',
    dcm_events_unconfirmed: '4',
    dcm_events_keys_owed: '5',
    dcm_nats_connected: '1',
    dcm_registered: '1',
    'leader_election_master_status{name="provider"}': '1',
    'dcm_leader_known{name="provider"}': '1',
  });
  for (const outcome of ['refused', 'failed'] as const) {
    metrics.registrationAnswered(outcome);
    t.equal((await ownSamples(metrics))['dcm_registered'], '0', outcome);
  }
});

t.test('what only a leader knows is absent of others, and what there is none of too', async (t) => {
  const metrics = new PrometheusMetrics('1.2.3');
  const { election: _, ...alone } = sources;
  metrics.collectFrom({ ...alone, leads: () => false });
  const absent = ['dcm_events_unconfirmed', 'dcm_events_keys_owed', 'dcm_registered'];
  const samples = await ownSamples(metrics);
  for (const name of absent) t.notOk(name in samples, name);
  t.notMatch(Object.keys(samples).join(), /leader/);
  t.equal(samples['dcm_nats_connected'], '1');
});

t.test('what is counted and timed', async (t) => {
  const metrics = new PrometheusMetrics('1.2.3');
  metrics.eventPublished(0.2);
  metrics.eventPublished(7);
  metrics.eventDropped();
  metrics.requestEnded({ method: 'GET', seconds: 0.1 });
  metrics.requestEnded({ method: 'GET', route: '/a', status: 200, seconds: 0.1 });
  metrics.clusterCallEnded({ method: 'POST', host: 'a:1', seconds: 0.1 });
  metrics.clusterCallEnded({ method: 'POST', host: 'a:1', status: 201, seconds: 3 });
  const text = await metrics.scrape();
  for (const line of [
    'dcm_events_published_total 2',
    'dcm_events_dropped_total 1',
    'dcm_event_delay_seconds_bucket{le="0.25"} 1',
    'dcm_event_delay_seconds_bucket{le="10"} 2',
    'http_request_duration_seconds_count{method="GET",route="unmatched",status_code="aborted"} 1',
    'http_request_duration_seconds_count{method="GET",route="/a",status_code="200"} 1',
    'rest_client_requests_total{code="<error>",method="POST",host="a:1"} 1',
    'rest_client_requests_total{code="201",method="POST",host="a:1"} 1',
    'rest_client_request_duration_seconds_bucket{le="4",verb="POST",host="a:1"} 2',
  ]) {
    t.ok(text.split('\n').includes(line), line);
  }
});

t.test('the README names each of them', async (t) => {
  const metrics = new PrometheusMetrics('1.2.3');
  metrics.collectFrom(sources);
  const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');
  const named = [...readme.matchAll(/`((?:dcm|http|rest|leader|process|nodejs)_\w*\*?)`/g)].map(([, name]) => name!);
  const isNamed = (metric: string) =>
    named.some((name) => (name.endsWith('*') ? metric.startsWith(name.slice(0, -1)) : name === metric));
  const all = [...(await metrics.scrape()).matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name!);
  t.ok(all.length > 20);
  t.strictSame(
    all.filter((name) => !isNamed(name)),
    [],
  );
});
