/** An OpenID provider that we did not write, with what a test has to do to it. */
import type { webcrypto } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair } from 'jose';
import type { JWK } from 'jose';
import { Provider } from 'oidc-provider';

export interface OpenIdProvider extends AsyncDisposable {
  issuer: string;
  jwksUrl: string;
  /** A token as a client gets it. */
  token(options?: { audience?: string; scope?: string; lifetimeSeconds?: number }): Promise<string>;
  /** Signs with a new key from now on; of the old one nothing is known any more. */
  rotateKeys(): Promise<void>;
  /** While false, every request is answered 503. */
  isReachable: boolean;
  /** How often its keys were asked for. */
  keyRequests: number;
}

const client = { client_id: 'dcm', client_secret: 'secret' };
let keyCount = 0;

export async function startOpenIdProvider(): Promise<OpenIdProvider> {
  let handle: (request: IncomingMessage, response: ServerResponse) => unknown = () => undefined;
  const server = createServer((request, response) => {
    if (request.url === '/jwks') provider.keyRequests++;
    if (provider.isReachable) handle(request, response);
    else response.writeHead(503).end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  let lifetime = 60;
  const provider: OpenIdProvider = {
    issuer,
    jwksUrl: `${issuer}/jwks`,
    isReachable: true,
    keyRequests: 0,
    async token({ audience = 'containers', scope = 'containers', lifetimeSeconds = 60 } = {}) {
      lifetime = lifetimeSeconds;
      const response = await fetch(`${issuer}/token`, {
        method: 'POST',
        body: new URLSearchParams({
          grant_type: 'client_credentials',
          resource: `urn:${audience}`,
          ...(scope !== '' && { scope }),
          ...client,
        }),
      });
      const { access_token: token } = (await response.json()) as { access_token?: string };
      if (token === undefined) throw new Error(`the OpenID provider gave no token: ${response.status}`);
      return token;
    },
    async rotateKeys() {
      handle = createProvider(issuer, await makeKey(), () => lifetime).callback();
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
  await provider.rotateKeys();
  return provider;
}

async function makeKey(): Promise<JWK> {
  const { privateKey } = await generateKeyPair('ES256', { extractable: true });
  return { ...(await exportJWK(privateKey)), kid: `key-${++keyCount}`, use: 'sig', alg: 'ES256' };
}

function createProvider(issuer: string, key: JWK, lifetime: () => number): Provider {
  return new Provider(issuer, {
    clients: [
      {
        ...client,
        grant_types: ['client_credentials'],
        redirect_uris: [],
        response_types: [],
        token_endpoint_auth_method: 'client_secret_post',
        id_token_signed_response_alg: 'ES256',
      },
    ],
    jwks: { keys: [key] },
    scopes: ['containers', 'other'],
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: (_context, resource) => ({
          scope: 'containers other',
          audience: resource.replace(/^urn:/, ''),
          accessTokenFormat: 'jwt',
          accessTokenTTL: lifetime(),
          jwt: { sign: { alg: 'ES256' } },
        }),
      },
    },
  });
}

export interface KeyServer extends AsyncDisposable {
  url: string;
  /** What is answered: the set of keys, until a test has another wish. */
  answer: string;
  status: number;
  /** While true, answers never end. */
  isEndless: boolean;
  /** While true, nobody is answered. */
  isSilent: boolean;
  /** How often it was asked. */
  requests: number;
}

/** A set of keys and nothing else, for tokens that a test signs itself. */
export async function serveKeys(...keys: webcrypto.CryptoKey[]): Promise<KeyServer> {
  const server = createServer((_request, response) => {
    served.requests++;
    if (served.isSilent) return;
    if (served.isEndless) writeEndlessly(response);
    else response.writeHead(served.status).end(served.answer);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const served: KeyServer = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    answer: JSON.stringify({ keys: await Promise.all(keys.map((key) => exportJWK(key))) }),
    status: 200,
    isEndless: false,
    isSilent: false,
    requests: 0,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
  return served;
}

/** As much as the client takes, until it leaves. */
function writeEndlessly(response: ServerResponse): void {
  const chunk = Buffer.alloc(64 * 1024, ' ');
  const write = () => {
    while (!response.destroyed && response.write(chunk));
  };
  response.on('drain', write);
  write();
}
