/** What the sandbox prints. */
import { formatAddress } from '../../src/config/address.ts';
import { describePlayedImages } from '../kubelet/images.ts';
import type { Registration } from './registry.ts';
import type { ShownEvent } from './events.ts';

export interface BannerFacts {
  /** URL of the provider, without a path. */
  url: string;
  takenPort?: number;
  /** URL of the probes and metrics, without a path. */
  managementUrl: string;
  nats: string;
  kubeconfig: string;
  /** Whether the cluster is the sandbox's own, where the names of images say what becomes of them. */
  ownCluster: boolean;
}

const exampleBody = {
  spec: {
    service_type: 'container',
    metadata: { name: 'web' },
    image: { reference: 'docker.io/library/nginx:1.27' },
    resources: { cpu: { min: 1, max: 2 }, memory: { min: '256MB', max: '1GB' } },
    network: { ports: [{ container_port: 80, visibility: 'external' }] },
  },
};

export function formatBanner({ url, takenPort, managementUrl, nats, kubeconfig, ownCluster }: BannerFacts): string {
  const containers = `${url}/api/v1alpha1/containers`;
  return [
    '',
    ...(takenPort === undefined ? [] : [`Port ${takenPort} is taken, so the provider listens on another one.`, '']),
    `  API         ${containers}`,
    `  Try it      ${url}/docs`,
    `  Operate     ${managementUrl}/metrics, /livez, /readyz?verbose`,
    `  NATS        ${nats}, subject dcm.container`,
    `  Kubernetes  kubectl --kubeconfig ${kubeconfig} get deployments,pods,services --watch`,
    '',
    'Create a container, look at it, delete it:',
    '',
    `  curl -X POST '${containers}?id=web' -H 'Content-Type: application/json' -d '${JSON.stringify(exampleBody)}'`,
    `  curl ${containers}/web`,
    `  curl -X DELETE ${containers}/web`,
    '',
    ...(ownCluster ? [...describePlayedImages(), ''] : []),
    'Status events follow. Ctrl-C stops everything.',
    '',
  ].join('\n');
}

export function formatEvent({ time, containerId, status, message, endpoints }: ShownEvent): string {
  const reached = endpoints
    .map(({ scope, address, port }) => `  ${scope} ${formatAddress({ address, port })}`)
    .join('');
  return `${clock(time)}  event     ${containerId}  ${status}  ${message}${reached}`;
}

export function formatRegistration(registration: Registration): string {
  return `${clock()}  registry  registered ${JSON.stringify(registration)}`;
}

export function formatHealth(name: string, status: string): string {
  return `${clock()}  registry  ${name} is ${status}`;
}

/** What one of several providers says of itself: where it listens and whether it leads; undefined for other lines. */
export function formatReplica(line: string, number: number): string | undefined {
  const { msg, time, address } = parseLogLine(line);
  if (msg === 'listening') return `${clock(time)}  replica   ${number} listens at http://${address}`;
  if (msg === 'leading' || msg === 'leading no more') return `${clock(time)}  replica   ${number} is ${msg}`;
  return undefined;
}

/** A line of the provider's log; undefined for one that is not shown. */
export function formatLogLine(line: string, everything: boolean): string | undefined {
  const { level, msg, time, err, ...fields } = parseLogLine(line);
  if (!everything && (level === 'info' || level === 'debug')) return undefined;
  const reason = err?.cause?.message ?? err?.message;
  const details = { ...fields, ...(reason !== undefined && { reason }) };
  const shown = Object.keys(details).length > 0 ? `  ${JSON.stringify(details)}` : '';
  return `${clock(time)}  ${(level ?? 'log').padEnd(8)}  ${msg ?? line}${shown}`;
}

interface LogLine {
  level?: string;
  time?: string;
  address?: string;
  msg?: string;
  err?: { message?: string; cause?: { message?: string } };
}

function parseLogLine(line: string): LogLine {
  try {
    return JSON.parse(line) as LogLine;
  } catch {
    return { msg: line };
  }
}

/** Time of day here, to the millisecond. */
function clock(time: string = new Date().toISOString()): string {
  const date = new Date(time);
  const pad = (value: number, digits = 2) => String(value).padStart(digits, '0');
  return `${pad(date.getHours())}:${pad(date.getMinutes())}:${pad(date.getSeconds())}.${pad(date.getMilliseconds(), 3)}`;
}
