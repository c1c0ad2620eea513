/** A DCM registry over real HTTP, which answers as a test tells it to. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';

/** How the registry treats one request. */
export type Behaviour = (response: ServerResponse) => void;

export interface ReceivedRegistration {
  method: string;
  path: string;
  contentType: string | undefined;
  authorization: string | undefined;
  body: unknown;
}

export interface TestRegistry extends AsyncDisposable {
  /** Base URL, as `DCM_REGISTRATION_URL` takes it. */
  url: string;
  /** All that came in, oldest first. */
  requests: ReceivedRegistration[];
  /** The behaviours for the next requests, one each; after the last of them everything is answered with 201. */
  behave(...behaviours: Behaviour[]): void;
  /** Resolves when that many requests have come in altogether. */
  received(count: number): Promise<void>;
}

export function answer(status: number, headers: Record<string, string> = {}, body = ''): Behaviour {
  return (response) => response.writeHead(status, headers).end(body);
}

/** Takes the request and never says a word. */
export const silence: Behaviour = () => undefined;

/** Answers the status and then a body that never ends. */
export function endlessBody(status: number): Behaviour {
  return (response) => response.writeHead(status).write('and then');
}

/** Closes the connection instead of answering. */
export const hangUp: Behaviour = (response) => response.socket?.destroy();

/** @param port - absent: any free one */
export async function startRegistry({ port = 0 }: { port?: number } = {}): Promise<TestRegistry> {
  const requests: ReceivedRegistration[] = [];
  const behaviours: Behaviour[] = [];
  const server = createServer((request, response) => void receive(request, response));
  async function receive(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', url = '', headers } = request;
    const body = await json(request);
    requests.push({
      method,
      path: url,
      contentType: headers['content-type'],
      authorization: headers.authorization,
      body,
    });
    const behaviour = behaviours.shift() ?? answer(201, { 'content-type': 'application/json' }, '{"id":"1"}');
    behaviour(response);
    server.emit('received');
  }
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/api/v1alpha1`,
    requests,
    behave: (...next) => behaviours.push(...next),
    async received(count) {
      while (requests.length < count) await once(server, 'received');
    },
    [Symbol.asyncDispose]: () => close(server),
  };
}

async function close(server: Server): Promise<void> {
  const closed = once(server, 'close');
  server.close();
  server.closeAllConnections();
  await closed;
}

/** The base URL of a registry that is not there: its port was free a moment ago. */
export async function absentRegistry(): Promise<{ url: string; port: number }> {
  const registry = await startRegistry();
  await registry[Symbol.asyncDispose]();
  return { url: registry.url, port: Number(new URL(registry.url).port) };
}
