/** The token that the registry wants to see: a fixed one, or one that an OAuth 2.0 token endpoint gives us. */
import {
  allowInsecureRequests,
  ClientSecretBasic,
  clientCredentialsGrantRequest,
  customFetch,
  processClientCredentialsResponse,
  ResponseBodyError,
} from 'oauth4webapi';

import { fetchWhole } from '../http-client.ts';
import type { Clock } from '../clock.ts';
import type { ClientCredentials, RegistryConfig } from '../config/config.ts';

export interface AccessTokens {
  /** @throws where there is none, or the signal's reason once it is aborted */
  get(signal: AbortSignal): Promise<string>;
  /** Says that this token was not taken: it isn't given out again where another can be had. */
  forget(token: string): void;
}

export function accessTokens(
  authentication: NonNullable<RegistryConfig['authentication']>,
  clock: Clock,
): AccessTokens {
  if (!('token' in authentication)) return new GrantedTokens(authentication, clock);
  return { get: () => Promise.resolve(authentication.token), forget: () => undefined };
}

/** A token is used until so long before its end, so that it does not expire on the way: milliseconds, and a share of its life. */
const marginMs = 30_000;
const marginShare = 0.2;

/** Tokens by the client credentials grant (RFC 6749, section 4.4), each kept until shortly before it expires. */
export class GrantedTokens implements AccessTokens {
  readonly #credentials: ClientCredentials;
  readonly #clock: Clock;
  #current: { token: string; usableUntil: number } | undefined;

  constructor(credentials: ClientCredentials, clock: Clock) {
    this.#credentials = credentials;
    this.#clock = clock;
  }

  async get(signal: AbortSignal): Promise<string> {
    const askedAt = this.#clock.elapsed();
    if (this.#current !== undefined && askedAt < this.#current.usableUntil) return this.#current.token;
    const { access_token: token, expires_in: seconds } = await requestToken(this.#credentials, signal);
    const lifeMs = (seconds ?? 0) * 1_000;
    this.#current = { token, usableUntil: askedAt + lifeMs - Math.min(marginMs, lifeMs * marginShare) };
    return token;
  }

  forget(token: string): void {
    if (this.#current?.token === token) this.#current = undefined;
  }
}

async function requestToken({ tokenEndpoint, clientId, clientSecret }: ClientCredentials, signal: AbortSignal) {
  const server = { issuer: tokenEndpoint, token_endpoint: tokenEndpoint };
  const client = { client_id: clientId };
  const options = { signal, [allowInsecureRequests]: true, [customFetch]: fetchWhole };
  try {
    const authentication = ClientSecretBasic(clientSecret);
    const response = await clientCredentialsGrantRequest(server, client, authentication, {}, options);
    return await processClientCredentialsResponse(server, client, response);
  } catch (cause) {
    if (signal.aborted) throw signal.reason;
    throw new AccessTokenError(cause);
  }
}

/** What the endpoint said is left out but for its code: it might repeat what it was sent. */
export class AccessTokenError extends Error {
  override readonly name = 'AccessTokenError';

  constructor(cause: unknown) {
    const refusal = cause instanceof ResponseBodyError ? `: ${cause.status} ${cause.error}` : '';
    super(`the token endpoint gave no token${refusal}`, refusal === '' ? { cause } : {});
  }
}
