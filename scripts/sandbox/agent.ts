/**
 * An environment agent for the sandbox: takes registrations, polls health and dispatches to providers as DCM's agents do
 * since August 2026. What it dispatches comes by HTTP here, in place of the control plane's requests on NATS.
 */
import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { json } from 'node:stream/consumers';

import { answer, askProvider, basePath, serve } from './registry.ts';
import type { Registration as ContainerRegistration, Registry } from './registry.ts';

/** Of a provider of any kind. */
export type Registration = Omit<ContainerRegistration, 'service_type'> & { service_type: string };

/** `unavailable` after three polls in a row that failed. */
export type ProviderState = 'ready' | 'unhealthy' | 'unavailable';

export interface Dispatch {
  method: 'POST' | 'DELETE';
  path: string;
  /** Of the last try; absent: there was no answer, or no try. */
  status?: number;
  tries: number;
  /** What the answer said, or why there was none. */
  detail: string;
}

export interface AgentOptions {
  /** How often each provider is polled, in milliseconds; 10,000 by default. */
  pollMs?: number;
  /** Before the second try of a dispatch, in milliseconds, and half of that before the third; 2,000 by default. */
  retryMs?: number;
  onRegistration?: (registration: Registration, status: number) => void;
  /** Told of the first state and whenever it is another. */
  onState?: (name: string, state: ProviderState) => void;
  onDispatch?: (dispatch: Dispatch) => void;
}

interface Provider {
  id: string;
  registration: Registration;
  createTime: string;
  updateTime: string;
  state?: ProviderState;
  failures: number;
}

const maxFailures = 3;
const maxTries = 3;

export async function startAgent(options: AgentOptions = {}): Promise<Registry> {
  const { pollMs = 10_000, retryMs = 2_000, onRegistration, onState, onDispatch } = options;
  const providers = new Map<string, Provider>();
  const closing = new AbortController();

  async function register(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const registration = (await json(request)) as Registration;
    const { name, endpoint, service_type: type } = registration;
    const known = providers.get(name);
    const rival = [...providers.values()].find((other) => other.registration.service_type === type && other !== known);
    const protocol = URL.parse(endpoint)?.protocol ?? '';
    let status: number;
    if (!/^https?:$/.test(protocol)) {
      const detail = 'invalid endpoint: it must be an http or https URL';
      status = answer(response, 422, { type: 'UNPROCESSABLE_ENTITY', title: 'Validation Failed', status: 422, detail });
    } else if (rival !== undefined) {
      const detail = `service type '${type}' is already served by provider '${rival.registration.name}'`;
      status = answer(response, 409, { type: 'CONFLICT', title: 'Service Type Conflict', status: 409, detail });
    } else {
      const updateTime = new Date().toISOString();
      const fresh = { id: randomUUID(), createTime: updateTime, failures: 0 };
      const provider = { ...(known ?? fresh), registration, updateTime };
      providers.set(name, provider);
      status = answer(response, known === undefined ? 201 : 200, describe(provider));
    }
    onRegistration?.(registration, status);
  }

  async function poll(provider: Provider): Promise<void> {
    const { status, body } = await askProvider(`${provider.registration.endpoint}/health`, closing.signal);
    if (closing.signal.aborted) return;
    const health = status === 200 && typeof body?.['status'] === 'string' ? body['status'].toLowerCase() : '';
    const isAnswer = health === 'healthy' || health === 'unhealthy';
    provider.failures = isAnswer ? 0 : provider.failures + 1;
    const before = provider.state;
    if (isAnswer) provider.state = health === 'healthy' ? 'ready' : 'unhealthy';
    else if (provider.failures >= maxFailures) provider.state = 'unavailable';
    if (provider.state !== undefined && provider.state !== before)
      onState?.(provider.registration.name, provider.state);
  }

  /** A create is the bare spec without an id; tries again what may pass by itself, and takes all else for final. */
  async function dispatch(method: Dispatch['method'], path: string, spec?: unknown): Promise<Dispatch> {
    const provider = [...providers.values()].find(({ registration }) => registration.service_type === 'container');
    if (provider?.state !== 'ready') {
      return { method, path, tries: 0, detail: `the provider is ${provider?.state ?? 'not known'}` };
    }
    const url = `${provider.registration.endpoint}${path}`;
    const headers = { 'idempotency-key': randomUUID(), 'content-type': 'application/json' };
    const request = { method, headers, ...(spec !== undefined && { body: JSON.stringify(spec) }) };
    for (let tries = 1; ; tries++) {
      const { status, body, failure } = await askProvider(url, closing.signal, request);
      const mayPass = status === undefined || status === 429 || status >= 500;
      if (!mayPass || tries === maxTries || closing.signal.aborted) {
        const detail = failure ?? (typeof body?.['detail'] === 'string' ? body['detail'] : '');
        return { method, path, tries, detail, ...(status !== undefined && { status }) };
      }
      await delay(retryMs * 2 ** (tries - 1), undefined, { signal: closing.signal }).catch(() => undefined);
    }
  }

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method, url = '' } = request;
    const dispatched = new RegExp(`^${basePath}/dispatch(/[a-z0-9-]+)?$`).exec(url);
    if (method === 'POST' && url === `${basePath}/providers`) {
      await register(request, response);
    } else if (method === 'GET' && url === `${basePath}/providers`) {
      answer(response, 200, { results: [...providers.values()].map(describe) });
    } else if (dispatched !== null && (method === 'POST') === (dispatched[1] === undefined)) {
      const made = await (method === 'POST'
        ? dispatch('POST', '', await json(request))
        : dispatch('DELETE', dispatched[1]!));
      onDispatch?.(made);
      answer(response, 200, made);
    } else {
      answer(response, 404, { title: 'Not found', status: 404 });
    }
  }

  const timer = setInterval(() => {
    for (const provider of providers.values()) void poll(provider);
  }, pollMs);
  return await serve(handle, () => {
    closing.abort();
    clearInterval(timer);
  });
}

function describe({ id, registration, createTime, updateTime, state }: Provider): object {
  const times = { create_time: createTime, update_time: updateTime };
  return { id, path: `providers/${id}`, type: 'external', ...registration, ...times, ...(state && { status: state }) };
}
