/** A real Prometheus on a free port, which scrapes what it is told every second. Needs Debian's package `prometheus`. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { findFreePort } from '../../scripts/free-port.ts';
import { startProcess } from '../support/process.ts';
import { until } from '../support/until.ts';

export interface Target {
  /** Of /metrics: `host:port`. */
  address: string;
  /** Its label `namespace`. */
  namespace: string;
}

export interface Series {
  labels: Record<string, string>;
  value: number;
}

export interface Prometheus extends AsyncDisposable {
  /** The values of an instant query, one for each series. */
  query(expression: string): Promise<Series[]>;
  /** Whether the alert has fired for a target of the namespace, now or before. */
  hasFired(alert: string, namespace: string): Promise<boolean>;
}

interface Answer<Data> {
  status: string;
  error?: string;
  data: Data;
}

/** @param rules - the text of a file with alerts */
export async function startPrometheus(job: string, targets: readonly Target[], rules: string): Promise<Prometheus> {
  await using stack = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), 'prometheus-'));
  stack.defer(() => rm(folder, { recursive: true, force: true }));
  await writeFile(join(folder, 'alerts.yaml'), rules);
  const configuration = {
    global: { scrape_interval: '1s', scrape_timeout: '1s', evaluation_interval: '1s' },
    rule_files: ['alerts.yaml'],
    scrape_configs: [
      {
        job_name: job,
        static_configs: targets.map(({ address, namespace }) => ({ targets: [address], labels: { namespace } })),
      },
    ],
  };
  // JSON is YAML.
  await writeFile(join(folder, 'prometheus.yaml'), JSON.stringify(configuration));
  const address = `127.0.0.1:${await findFreePort()}`;
  const prometheus = stack.use(
    startProcess('prometheus', [
      `--config.file=${join(folder, 'prometheus.yaml')}`,
      `--storage.tsdb.path=${join(folder, 'data')}`,
      `--web.listen-address=${address}`,
      '--log.level=warn',
    ]),
  );
  const ask = async <Data>(path: string): Promise<Data> => {
    const response = await fetch(`http://${address}${path}`);
    const { status, error, data } = (await response.json()) as Answer<Data>;
    if (status !== 'success') throw new Error(`${path}: ${error}`);
    return data;
  };
  await until('Prometheus is ready', async () => {
    if (prometheus.child.exitCode !== null) throw new Error(`Prometheus ended: ${prometheus.stderr()}`);
    return fetch(`http://${address}/-/ready`).then(
      ({ ok }) => ok,
      () => false,
    );
  });
  const query = async (expression: string): Promise<Series[]> => {
    const path = `/api/v1/query?query=${encodeURIComponent(expression)}`;
    const { result } = await ask<{ result: { metric: Record<string, string>; value: [number, string] }[] }>(path);
    return result.map(({ metric, value }) => ({ labels: metric, value: Number(value[1]) }));
  };
  const parts = stack.move();
  return {
    query,
    hasFired: async (alert, namespace) => {
      const alerts = `ALERTS{alertname="${alert}", namespace="${namespace}", alertstate="firing"}`;
      return (await query(`max_over_time(${alerts}[1h])`)).length > 0;
    },
    [Symbol.asyncDispose]: () => parts.disposeAsync(),
  };
}
