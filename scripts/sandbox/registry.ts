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

export async function startRegistry(options: RegistryOptions = {}): Promise<Registry> {
  const { pollMs = 10_000, onRegistration, onHealth } = options;
  const providers = new Map<string, Provider>();
  const closing = new AbortController();

  async function poll(provider: Provider): Promise<void> {
    const health = await askHealth(provider.registration.endpoint, closing.signal);
    if (closing.signal.aborted || health === provider.health) return;
    provider.health = health;
    onHealth?.(provider.registration.name, health);
  }

  async function register(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const registration = (await json(request)) as Registration;
    const known = providers.get(registration.name);
    const provider = { id: known?.id ?? randomUUID(), registration };
    providers.set(registration.name, provider);
    send(response, known === undefined ? 201 : 200, { ...registration, id: provider.id, status: 'registered' });
    onRegistration?.(registration);
    await poll(provider);
  }

  const server = createServer((request, response) => {
    if (request.method === 'POST' && request.url === '/api/v1alpha1/providers') {
      register(request, response).catch(() => send(response, 400, { title: 'Invalid argument', status: 400 }));
    } else {
      send(response, 404, { title: 'Not found', status: 404 });
    }
  });
  const timer = setInterval(() => {
    for (const provider of providers.values()) void poll(provider);
  }, pollMs);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/api/v1alpha1`,
    [Symbol.asyncDispose]: async () => {
      closing.abort();
      clearInterval(timer);
      await close(server);
    },
  };
}

/** The status that the health document states; never rejects. */
async function askHealth(endpoint: string, closing: AbortSignal): Promise<string> {
  try {
    const response = await fetch(`${endpoint}/health`, {
      signal: AbortSignal.any([closing, AbortSignal.timeout(pollTimeoutMs)]),
    });
    const { status } = (await response.json()) as { status?: string };
    return status ?? `HTTP ${response.status}`;
  } catch {
    return 'unreachable';
  }
}

function send(response: ServerResponse, status: number, body: object): void {
  if (response.headersSent) return;
  const type = status < 400 ? 'application/json' : 'application/problem+json';
  response.writeHead(status, { 'content-type': type }).end(JSON.stringify(body));
}

async function close(server: Server): Promise<void> {
  const closed = once(server, 'close');
  server.close();
  server.closeAllConnections();
  await closed;
}
