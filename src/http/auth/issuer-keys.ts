/** The public keys of the issuer of tokens: found, fetched, and kept while it cannot be reached. */
import { createLocalJWKSet, errors } from 'jose';
import type { JSONWebKeySet, JWTVerifyGetKey } from 'jose';
import type { Logger } from 'pino';
import type { Clock } from '../../clock.ts';
import { fetchWhole, isTrustworthyUrl } from '../../http-client.ts';

export interface IssuerKeysOptions {
  /** The `iss` of its tokens. */
  issuer: string;
  /** Where its keys are; absent: where its discovery document says. */
  jwksUrl?: string;
  log: Logger;
  clock: Pick<Clock, 'elapsed'>;
}

/** How old keys may become before they are fetched again, so that those that were withdrawn do not count forever. */
const refreshMs = 10 * 60_000;
/** How long a token of an unknown key causes no further fetch after one: rotated keys are found, and nobody can make us ask. */
const cooldownMs = 10_000;
/** After a failure, the answer is the same for that long without asking again. */
const retryMs = 1_000;
/** Of each of the one or two requests that a fetch takes. */
const timeoutMs = 5_000;
/** RFC 7518, section 6.1, and RFC 8037. */
const asymmetricKeyTypes = ['RSA', 'EC', 'OKP'];

/** No keys could be had. */
export class KeysUnavailableError extends Error {
  override readonly name = 'KeysUnavailableError';
}

export class IssuerKeys {
  readonly #options: IssuerKeysOptions;
  #keys: JWTVerifyGetKey | undefined;
  #fetchedAt = -Infinity;
  #fetch: Promise<void> | undefined;
  #failure: { error: KeysUnavailableError; at: number } | undefined;

  constructor(options: IssuerKeysOptions) {
    this.#options = options;
  }

  /**
   * The key that a token says it was signed with. Keys that are old are used while newer ones are fetched.
   *
   * @throws KeysUnavailableError where there are none, and none can be had; what `jose` throws where the issuer has no
   *   such key
   */
  readonly find: JWTVerifyGetKey = async (header, token) => {
    if (this.#keys === undefined) await this.#refresh();
    else if (this.#ageMs > refreshMs) this.#refresh().catch(() => undefined);
    const known = this.#keys!;
    try {
      return await known(header, token);
    } catch (error) {
      // Others may have fetched newer ones meanwhile.
      const areNew = this.#keys !== known;
      if (!(error instanceof errors.JWKSNoMatchingKey) || (!areNew && this.#ageMs < cooldownMs)) throw error;
      // An issuer that is away now has given no such key so far.
      if (!areNew) await this.#refresh().catch(() => undefined);
    }
    return await this.#keys!(header, token);
  };

  /** Another one each time when the keys were fetched. */
  get generation(): unknown {
    return this.#keys;
  }

  /**
   * Fetches the keys again, unless that was done a moment ago.
   *
   * @returns whether they are newer now than those of that generation
   */
  async renew(generation: unknown): Promise<boolean> {
    if (this.#keys !== generation) return true;
    if (this.#ageMs < cooldownMs) return false;
    return this.#refresh().then(
      () => true,
      () => false,
    );
  }

  get #ageMs(): number {
    return this.#options.clock.elapsed() - this.#fetchedAt;
  }

  /** One at a time, for all who wait. */
  async #refresh(): Promise<void> {
    if (this.#failure !== undefined && this.#options.clock.elapsed() - this.#failure.at < retryMs)
      throw this.#failure.error;
    this.#fetch ??= this.#fetchKeys().finally(() => (this.#fetch = undefined));
    await this.#fetch;
  }

  async #fetchKeys(): Promise<void> {
    const { issuer, jwksUrl, log } = this.#options;
    try {
      const url = jwksUrl ?? (await discoverKeys(issuer));
      this.#keys = createLocalJWKSet(requireKeys(await fetchJson(url), withoutQuery(url)));
      this.#fetchedAt = this.#options.clock.elapsed();
      this.#failure = undefined;
    } catch (err) {
      log.warn({ err, issuer }, 'the keys of the token issuer cannot be had, will try again');
      const error = new KeysUnavailableError('the keys of the issuer cannot be had', { cause: err });
      this.#failure = { error, at: this.#options.clock.elapsed() };
      throw error;
    }
  }
}

/** OpenID Connect Discovery 1.0, section 4: where the issuer says that its keys are. */
async function discoverKeys(issuer: string): Promise<string> {
  const url = `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
  const document = (await fetchJson(url)) as { issuer?: unknown; jwks_uri?: unknown } | null;
  if (document?.issuer !== issuer) throw new Error(`${url} is of another issuer: ${String(document?.issuer)}`);
  if (typeof document.jwks_uri !== 'string' || !isTrustworthyUrl(document.jwks_uri)) {
    throw new Error(`${url} has no jwks_uri that is reached over https`);
  }
  return document.jwks_uri;
}

/** An issuer without keys to check tokens with would make every token invalid: that is an error of its own. */
function requireKeys(answer: unknown, url: string): JSONWebKeySet {
  const { keys } = (answer ?? {}) as { keys?: unknown };
  const isPublicKey = (key: unknown): boolean =>
    asymmetricKeyTypes.includes((key as { kty?: string } | null)?.kty ?? '');
  if (!Array.isArray(keys) || !keys.some(isPublicKey)) throw new Error(`${url} has no public keys`);
  return answer as JSONWebKeySet;
}

async function fetchJson(url: string): Promise<unknown> {
  const response = await fetchWhole(url, { redirect: 'error', signal: AbortSignal.timeout(timeoutMs) });
  if (!response.ok) throw new Error(`${withoutQuery(url)} answered ${response.status}`);
  return response.json();
}

/** For the log: the values of a query may be anybody's secret. */
function withoutQuery(url: string): string {
  return url.replace(/[?#].*$/s, '');
}
