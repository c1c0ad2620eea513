/** What the sandbox prints. */
import { formatAddress } from '../../src/config/address.ts';
import { describePlayedImages } from '../kubelet/images.ts';
import type { Dispatch, Registration } from './agent.ts';
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
  /** Base URL of the environment agent, where there is one. */
  agentUrl?: string;
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

export function formatBanner(facts: BannerFacts): string {
  const { url, takenPort, managementUrl, nats, kubeconfig, ownCluster, agentUrl } = facts;
  const containers = `${url}/api/v1alpha1/containers`;
  return [
    '',
    ...(takenPort === undefined ? [] : [`Port ${takenPort} is taken, so the provider listens on another one.`, '']),
    `  API         ${containers}`,
    `  Try it      ${url}/docs`,
    `  Operate     ${managementUrl}/metrics, /livez, /readyz?verbose`,
    `  NATS        ${nats}, subject dcm.container`,
    `  Kubernetes  kubectl --kubeconfig ${kubeconfig} get deployments,pods,services --watch`,
    ...(agentUrl === undefined ? [] : [`  Agent       ${agentUrl}/providers`]),
    '',
    'Create a container, look at it, read its log, delete it:',
    '',
    `  curl -X POST '${containers}?id=web' -H 'Content-Type: application/json' -d '${JSON.stringify(exampleBody)}'`,
    `  curl ${containers}/web`,
    `  curl ${containers}/web:logs`,
    `  curl -X DELETE ${containers}/web`,
    '',
    ...(ownCluster ? [...describePlayedImages(), ''] : []),
    ...(agentUrl === undefined
      ? []
      : [
          'Let the agent dispatch a delete, and a create as agents do today: bare, and without an id, which is refused:',
          '',
          `  curl -X DELETE ${agentUrl}/dispatch/web`,
          `  curl -X POST ${agentUrl}/dispatch -d '${JSON.stringify(exampleBody.spec)}'`,
          '',
        ]),
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

type RegistryKind = 'registry' | 'agent';

export function formatRegistration(registration: Registration): string {
  return `${clock()}  registry  registered ${JSON.stringify(registration)}`;
}

/** An agent's answer; the whole registration only where it is a new one. */
export function formatAnswer(registration: Registration, status: number): string {
  const what = status === 201 ? JSON.stringify(registration) : registration.name;
  return `${clock()}  agent     answered ${status} to the registration of ${what}`;
}

export function formatHealth(by: RegistryKind, name: string, status: string): string {
  return `${clock()}  ${by.padEnd(8)}  ${name} is ${status}`;
}

export function formatDispatch({ method, path, status, tries, detail }: Dispatch): string {
  const what = method === 'POST' ? 'a create, bare and without an id' : `a delete of ${path.slice(1)}`;
  const end =
    status === undefined ? 'no answer' : `${status}${status >= 400 && status < 500 && status !== 429 ? ', final' : ''}`;
  const often = tries > 1 ? ` after ${tries} tries` : '';
  return `${clock()}  agent     dispatched ${what}: ${end}${often}${detail === '' ? '' : `: ${detail}`}`;
}

/** What one of several providers says of itself: where it listens and whether it leads; undefined for other lines. */
export function formatReplica(line: string, number: number): string | undefined {
  const { msg, time, address } = parseLogLine(line);
  if (msg === 'listening') return `${clock(time)}  replica   ${number} listens at http://${address}`;
  if (msg === 'leading') return `${clock(time)}  replica   ${number} is leading`;
  if (msg === 'stopped leading') return `${clock(time)}  replica   ${number} has stopped leading`;
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
