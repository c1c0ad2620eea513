/** A DCM registry for the sandbox: takes the registration and polls the health of who registered, as DCM does. */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';

import type { components } from '../../generated/dcm-registry.ts';

export type Registration = components['schemas']['ProviderRegistration'];

export interface RegistryOptions {
  /** How often each provider is polled, in milliseconds; 10,000 by default. */
  pollMs?: number;
  onRegistration?: (registration: Registration) => void;
  /** Told of the first answer and whenever it is another; `unreachable` where there is none. */
  onHealth?: (name: string, status: string) => void;
}

export interface Registry extends AsyncDisposable {
  /** Base URL, as `DCM_REGISTRATION_URL` takes it. */
  url: string;
}

interface Provider {
  id: string;
  registration: Registration;
  health?: string;
}

const pollTimeoutMs = 5_000;

export const basePath = '/api/v1alpha1';

export async function startRegistry(options: RegistryOptions = {}): Promise<Registry> {
  const { pollMs = 10_000, onRegistration, onHealth } = options;
  const providers = new Map<string, Provider>();
  const closing = new AbortController();

  async function poll(provider: Provider): Promise<void> {
    const { status, body } = await askProvider(`${provider.registration.endpoint}/health`, closing.signal);
    const health = body?.['status']?.toString() ?? (status === undefined ? 'unreachable' : `HTTP ${status}`);
    if (closing.signal.aborted || health === provider.health) return;
    provider.health = health;
    onHealth?.(provider.registration.name, health);
  }

  async function register(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const registration = (await json(request)) as Registration;
    const known = providers.get(registration.name);
    const provider = { id: known?.id ?? randomUUID(), registration };
    providers.set(registration.name, provider);
    answer(response, known === undefined ? 201 : 200, { ...registration, id: provider.id, status: 'registered' });
    onRegistration?.(registration);
    await poll(provider);
  }

  const timer = setInterval(() => {
    for (const provider of providers.values()) void poll(provider);
  }, pollMs);
  const handle = async (request: IncomingMessage, response: ServerResponse) => {
    if (request.method === 'POST' && request.url === `${basePath}/providers`) await register(request, response);
    else answer(response, 404, { title: 'Not found', status: 404 });
  };
  return await serve(handle, () => {
    closing.abort();
    clearInterval(timer);
  });
}

/** On a free port of 127.0.0.1; what `handle` throws is the client's fault. */
export async function serve(
  handle: (request: IncomingMessage, response: ServerResponse) => Promise<void>,
  stop: () => void,
): Promise<Registry> {
  const server = createServer((request, response) => {
    handle(request, response).catch(() => answer(response, 400, { title: 'Invalid argument', status: 400 }));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}${basePath}`,
    [Symbol.asyncDispose]: async () => {
      stop();
      await close(server);
    },
  };
}

export interface ProviderAnswer {
  /** Absent: there was no answer in time. */
  status?: number;
  /** Absent where it is no JSON object. */
  body?: Record<string, unknown>;
  /** Why there was no answer. */
  failure?: string;
}

/** One request to a provider, with DCM's limit of five seconds; never rejects. */
export async function askProvider(
  url: string,
  closing: AbortSignal,
  request: RequestInit = {},
): Promise<ProviderAnswer> {
  try {
    const signal = AbortSignal.any([closing, AbortSignal.timeout(pollTimeoutMs)]);
    const response = await fetch(url, { ...request, signal });
    const body = (await response.json().catch(() => undefined)) as ProviderAnswer['body'];
    return { status: response.status, ...(body && { body }) };
  } catch (error) {
    return { failure: ((error as Error).cause as Error | undefined)?.message ?? (error as Error).message };
  }
}

/** Returns the status. */
export function answer(response: ServerResponse, status: number, body: object): number {
  if (response.headersSent) return status;
  const type = status < 400 ? 'application/json' : 'application/problem+json';
  response.writeHead(status, { 'content-type': type }).end(JSON.stringify(body));
  return status;
}

async function close(server: Server): Promise<void> {
  const closed = once(server, 'close');
  server.close();
  server.closeAllConnections();
  await closed;
}
