/** Who may call: bearer tokens (RFC 6750) that are JWTs of one issuer (RFC 9068). */
import type { IncomingMessage } from 'node:http';
import { decodeProtectedHeader, errors, jwtVerify } from 'jose';
import type { JWTPayload, JWTVerifyOptions, JWTVerifyResult } from 'jose';
import type { Logger } from 'pino';
import type { Clock } from '../../clock.ts';
import { UnavailableError } from '../../containers/errors.ts';
import { holderOf } from '../server/request-log.ts';
import type { TokenHolder } from '../server/request-log.ts';
import { IssuerKeys, KeysUnavailableError } from './issuer-keys.ts';
import { RequestError } from '../contract/problem.ts';

export interface TokenRules {
  /** The `iss` of its tokens, over https or on this machine. */
  issuer: string;
  /** What must be in their `aud`. */
  audience: string;
  /** Where the issuer's keys are; absent: where its discovery document says. */
  jwksUrl?: string;
  /** What must be in their `scope`; absent: nothing. */
  scope?: string;
}

/**
 * @param identify - told whose token it is, also of one that is refused for its scope
 * @throws RequestError 401 without a valid token, or with more than one, always with the same words, and 403 without the scope; UnavailableError
 *   while the keys cannot be had
 */
export type Authenticate = (
  request: Pick<IncomingMessage, 'headers'>,
  identify: (holder: TokenHolder) => void,
) => Promise<void>;

/** Those with a public key: with a shared one, whoever can check a token could make one. */
const asymmetricAlgorithms = [
  ...['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'],
  ...['ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'],
];
/** By how much the clocks of the issuer and of this machine may differ, in seconds. */
const clockToleranceSeconds = 30;

/**
 * What access tokens say that they are: RFC 9068, section 2.1, and what most issuers write in its place. A signature of the
 * issuer alone does not make one: it also signs those that say that somebody logged out (`logout+jwt`), or what has happened
 * (`secevent+jwt`). Media types, whose `application/` may be left out (RFC 7515, section 4.1.9).
 */
const accessTokenTypes = /^(?:application\/)?(?:at\+)?jwt$/i;

const bearerPattern = /^Bearer +([\w.~+/-]+=*)$/i;

export function tokenAuthentication(rules: TokenRules, log: Logger, clock: Pick<Clock, 'elapsed'>): Authenticate {
  const { issuer, audience, jwksUrl, scope } = rules;
  const keys = new IssuerKeys({ issuer, ...(jwksUrl !== undefined && { jwksUrl }), log, clock });
  const verification = {
    issuer,
    audience,
    algorithms: asymmetricAlgorithms,
    clockTolerance: clockToleranceSeconds,
    requiredClaims: ['exp'],
  };
  return async ({ headers: { authorization } }, identify) => {
    const token = bearerPattern.exec(authorization ?? '')?.[1];
    if (token === undefined) throw unauthenticated();
    let payload: JWTPayload;
    try {
      payload = requireAccessToken(await verify(token, keys, verification));
    } catch (error) {
      throw refusalOf(error, log);
    }
    identify(holderOf(payload));
    if (scope !== undefined && !scopesOf(payload).includes(scope)) throw permissionDenied(scope);
  };
}

/**
 * A token need not say which key it was signed with (RFC 7515, section 4.1.4): then each that may be it is tried, and newer
 * ones where it is none of these.
 */
async function verify(token: string, keys: IssuerKeys, options: JWTVerifyOptions): Promise<JWTVerifyResult> {
  const { generation } = keys;
  try {
    return await verifyWithKnown(token, keys, options);
  } catch (error) {
    const isOfOtherKey = error instanceof errors.JWSSignatureVerificationFailed;
    if (!isOfOtherKey || decodeProtectedHeader(token).kid !== undefined || !(await keys.renew(generation))) throw error;
    return await verifyWithKnown(token, keys, options);
  }
}

async function verifyWithKnown(token: string, keys: IssuerKeys, options: JWTVerifyOptions): Promise<JWTVerifyResult> {
  try {
    return await jwtVerify(token, keys.find, options);
  } catch (error) {
    if (!(error instanceof errors.JWKSMultipleMatchingKeys)) throw error;
    for await (const key of error) {
      try {
        return await jwtVerify(token, key, options);
      } catch (refusal) {
        // Keys that are too short are refused by a TypeError, and cannot have been the one.
        const isOtherKey = refusal instanceof errors.JWSSignatureVerificationFailed || refusal instanceof TypeError;
        if (!isOtherKey) throw refusal;
      }
    }
    throw new errors.JWSSignatureVerificationFailed();
  }
}

function requireAccessToken({ payload, protectedHeader: { typ } }: JWTVerifyResult): JWTPayload {
  if (typ !== undefined && !(typeof typ === 'string' && accessTokenTypes.test(typ)))
    throw new errors.JWTInvalid(`it is a ${typ}, no access token`);
  return payload;
}

/** Whatever is wrong with a token is not told: it would help those most who try. */
function refusalOf(error: unknown, log: Logger): Error {
  if (error instanceof KeysUnavailableError) {
    const message = 'The keys that tokens are checked with cannot be had.';
    return new UnavailableError(message, undefined, { cause: error });
  }
  log.debug({ err: error }, 'a token was refused');
  return unauthenticated();
}

function unauthenticated(): RequestError {
  return new RequestError(401, 'A valid bearer token is required.', { 'www-authenticate': 'Bearer' });
}

function permissionDenied(scope: string): RequestError {
  const challenge = `Bearer error="insufficient_scope", scope="${scope}"`;
  return new RequestError(403, `The token must have the scope ${scope}.`, { 'www-authenticate': challenge });
}

/** RFC 8693, section 4.2: one string, with spaces between. */
function scopesOf({ scope }: JWTPayload): string[] {
  return typeof scope === 'string' ? scope.split(' ') : [];
}
