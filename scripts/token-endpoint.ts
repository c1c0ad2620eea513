/** An OAuth 2.0 token endpoint over real HTTP that gives tokens to one client (RFC 6749, section 4.4). */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

export interface TokenEndpoint extends AsyncDisposable {
  url: string;
  /** All that came in, oldest first. */
  requests: { authorization: string | undefined; form: Record<string, string> }[];
}

export interface TokenEndpointOptions {
  /** Of the tokens; absent: it isn't told. */
  expiresInSeconds?: number;
  /** How it answers, instead of `token-1`, `token-2`, … */
  respond?: (response: ServerResponse) => void;
}

export async function startTokenEndpoint(options: TokenEndpointOptions = {}): Promise<TokenEndpoint> {
  const { expiresInSeconds, respond } = options;
  const requests: TokenEndpoint['requests'] = [];
  const server = createServer((request, response) => void receive(request, response));
  async function receive(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const form = Object.fromEntries(new URLSearchParams(await text(request)));
    requests.push({ authorization: request.headers.authorization, form });
    if (respond !== undefined) {
      respond(response);
      return;
    }
    const expiry = expiresInSeconds !== undefined && { expires_in: expiresInSeconds };
    const body = { access_token: `token-${requests.length}`, token_type: 'Bearer', ...expiry };
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  }
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/token`,
    requests,
    async [Symbol.asyncDispose]() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}
