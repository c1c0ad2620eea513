/** What the sandbox prints. */
import type { Registration } from './registry.ts';
import type { ShownEvent } from './events.ts';

export interface BannerFacts {
  /** URL of the provider, without a path. */
  url: string;
  takenPort?: number;
  nats: string;
  kubeconfig: string;
  /** Whether the cluster is the sandbox's own, where the names of images say what becomes of them. */
  ownCluster: boolean;
}

const EXAMPLE = {
  spec: {
    service_type: 'container',
    metadata: { name: 'web' },
    image: { reference: 'docker.io/library/nginx:1.27' },
    resources: { cpu: { min: 1, max: 2 }, memory: { min: '256MB', max: '1GB' } },
    network: { ports: [{ container_port: 80, visibility: 'external' }] },
  },
};

export function formatBanner({ url, takenPort, nats, kubeconfig, ownCluster }: BannerFacts): string {
  const containers = `${url}/api/v1alpha1/containers`;
  return [
    '',
    ...(takenPort === undefined ? [] : [`Port ${takenPort} is taken, so the provider listens on another one.`, '']),
    `  API         ${containers}`,
    `  Try it      ${url}/docs`,
    `  NATS        ${nats}, subject dcm.container`,
    `  Kubernetes  kubectl --kubeconfig ${kubeconfig} get deployments,pods,services --watch`,
    '',
    'Create a container, look at it, delete it:',
    '',
    `  curl -X POST '${containers}?id=web' -H 'Content-Type: application/json' -d '${JSON.stringify(EXAMPLE)}'`,
    `  curl ${containers}/web`,
    `  curl -X DELETE ${containers}/web`,
    '',
    ...(ownCluster
      ? [
          'Pods run after about a second, unless the image is named …/missing (cannot be pulled), …/crash (crash-loops)',
          'or …/slow (stays pending for a while).',
          '',
        ]
      : []),
    'Status events follow. Ctrl-C stops everything.',
    '',
  ].join('\n');
}

export function formatEvent({ time, containerId, status, message }: ShownEvent): string {
  return `${clock(time)}  event     ${containerId}  ${status}  ${message}`;
}

export function formatRegistration(registration: Registration): string {
  return `${clock()}  registry  registered ${JSON.stringify(registration)}`;
}

export function formatHealth(name: string, status: string): string {
  return `${clock()}  registry  ${name} is ${status}`;
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
