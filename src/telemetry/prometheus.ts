/** The metrics as Prometheus has them. Names and labels are those of the field; no label says which container it is about. */
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from '@prometheus-io/client';
import type { ClusterCall, EventStats, Metrics, RequestEnd } from './telemetry.ts';

/** What is asked of the parts at each scrape. */
export interface MetricSources {
  /** By resource; the age is that of the watch's last sign of life. */
  caches(): Readonly<Record<string, { objects: number; ageSeconds: number }>>;
  events(): EventStats;
  /** What only a leader knows is absent while this is false. */
  leads(): boolean;
  /** Absent where there is no election. */
  election?: {
    /** Name of the Lease. */
    lease: string;
    /** Whether any replica leads, as far as this one can tell. */
    isLed(): boolean;
  };
}

type Sample = [labels: Record<string, string>, value: number];

/** client-go's. */
const clusterCallBuckets = [0.005, 0.025, 0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60];
const eventDelayBuckets = [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1_800];

export class PrometheusMetrics implements Metrics {
  readonly #registry = new Registry();
  readonly #requests = new Histogram({
    name: 'http_request_duration_seconds',
    help: 'From the arrival of a request to the last byte of its answer, or the first of one that is followed, in seconds.',
    labelNames: ['method', 'route', 'status_code'] as const,
    registers: [this.#registry],
  });
  readonly #clusterCalls = new Counter({
    name: 'rest_client_requests_total',
    help: 'Number of HTTP requests to the Kubernetes API, by status code, method and host.',
    labelNames: ['code', 'method', 'host'] as const,
    registers: [this.#registry],
  });
  readonly #clusterCallDurations = new Histogram({
    name: 'rest_client_request_duration_seconds',
    help: 'Until the Kubernetes API answered a request, in seconds, by verb and host.',
    labelNames: ['verb', 'host'] as const,
    buckets: clusterCallBuckets,
    registers: [this.#registry],
  });
  readonly #eventsPublished = new Counter({
    name: 'dcm_events_published_total',
    help: 'Status events that NATS has confirmed.',
    registers: [this.#registry],
  });
  readonly #eventsDropped = new Counter({
    name: 'dcm_events_dropped_total',
    help: 'Status events that were given up because too many waited, or because they are too large for NATS.',
    registers: [this.#registry],
  });
  readonly #eventDelays = new Histogram({
    name: 'dcm_event_delay_seconds',
    help: 'From the moment that a status was seen until NATS had confirmed its event, in seconds.',
    buckets: eventDelayBuckets,
    registers: [this.#registry],
  });
  #registered = false;

  /** @param build - the version that runs, and behind a `+` the commit that it was built from, where that is known */
  constructor(build: string) {
    collectDefaultMetrics({ register: this.#registry });
    const [version = '', revision = ''] = build.split('+');
    this.#gauge('dcm_build_info', 'Always 1: its labels tell what runs.', ['version', 'revision'], () => [
      [{ version, revision }, 1],
    ]);
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  scrape(): Promise<string> {
    return this.#registry.metrics();
  }

  requestEnded({ method, route = 'unmatched', status, seconds }: RequestEnd): void {
    this.#requests.observe({ method, route, status_code: status ?? 'aborted' }, seconds);
  }

  clusterCallEnded({ method, host, status, seconds }: ClusterCall): void {
    this.#clusterCalls.inc({ code: status ?? '<error>', method, host });
    this.#clusterCallDurations.observe({ verb: method, host }, seconds);
  }

  eventPublished(delaySeconds: number): void {
    this.#eventsPublished.inc();
    this.#eventDelays.observe(delaySeconds);
  }

  eventDropped(): void {
    this.#eventsDropped.inc();
  }

  registrationAnswered(outcome: 'registered' | 'refused' | 'failed'): void {
    this.#registered = outcome === 'registered';
  }

  /** Asks these at each scrape from now on. */
  collectFrom({ caches, events, leads, election }: MetricSources): void {
    this.#gauge('dcm_cache_objects', 'Objects in the watch caches.', ['resource'], () =>
      Object.entries(caches()).map(([resource, { objects }]) => [{ resource }, objects]),
    );
    this.#gauge('dcm_cache_age_seconds', 'Since the last sign of life of a watch, in seconds.', ['resource'], () =>
      Object.entries(caches()).map(([resource, { ageSeconds }]) => [{ resource }, ageSeconds]),
    );
    this.#gauge('dcm_containers', 'Containers by the status that was reported last.', ['status'], () =>
      [...events().containers].map(([status, count]) => [{ status }, count]),
    );
    this.#gauge('dcm_events_unconfirmed', 'Containers of which a status event is not confirmed yet.', [], () =>
      leads() ? single(events().unconfirmed) : [],
    );
    this.#gauge('dcm_events_keys_owed', 'Keys that the key-value bucket has not taken or given up yet.', [], () =>
      leads() ? single(events().owedKeys) : [],
    );
    this.#gauge('dcm_nats_connected', 'Whether there is a connection to NATS: 1 or 0.', [], () =>
      single(Number(events().connected)),
    );
    this.#gauge('dcm_registered', 'Whether the last try to register with DCM succeeded: 1 or 0.', [], () =>
      leads() ? single(Number(this.#registered)) : [],
    );
    if (election === undefined) return;
    const { lease: name, isLed } = election;
    this.#gauge('leader_election_master_status', 'Whether this replica leads: 1 or 0.', ['name'], () => [
      [{ name }, Number(leads())],
    ]);
    this.#gauge('dcm_leader_known', 'Whether any replica leads, as far as this one can tell: 1 or 0.', ['name'], () => [
      [{ name }, Number(isLed())],
    ]);
  }

  /** Its values are those of the moment: what is not told is absent. */
  #gauge(name: string, help: string, labelNames: string[], values: () => Sample[]): void {
    new Gauge({
      name,
      help,
      labelNames,
      registers: [this.#registry],
      collect() {
        this.reset();
        // A reset leaves a 0 behind where there are no labels.
        if (labelNames.length === 0) this.remove({});
        for (const [labels, value] of values()) this.set(labels, value);
      },
    });
  }
}

function single(value: number | undefined): Sample[] {
  return value === undefined ? [] : [[{}, value]];
}
