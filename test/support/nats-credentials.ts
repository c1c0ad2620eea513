/** An operator, an account and a user of NATS, with the JWTs by which a server knows them. */
import { nkeys as untyped } from 'nats';

/** The client re-exports the keys without their types. */
interface KeyPair {
  getPublicKey(): string;
  getSeed(): Uint8Array;
  sign(data: Uint8Array): Uint8Array;
}

const nkeys = untyped as { createOperator(): KeyPair; createAccount(): KeyPair; createUser(): KeyPair };

export interface NatsUser {
  /** Makes a server take users of the account and nobody else. */
  serverConfiguration: string;
  /** The content of a credentials file. */
  credentials: string;
  /** The same user for so many seconds from now on. */
  credentialsFor(seconds: number): string;
  /** The secret in it. */
  seed: string;
}

export function createNatsUser(): NatsUser {
  const operator = nkeys.createOperator();
  const account = nkeys.createAccount();
  const user = nkeys.createUser();
  const limits = { subs: -1, data: -1, payload: -1, imports: -1, exports: -1, wildcards: true, conn: -1, leaf: -1 };
  const operatorJwt = signJwt(operator, operator, { type: 'operator', version: 2 });
  const accountJwt = signJwt(operator, account, { type: 'account', version: 2, limits });
  const permissions = { type: 'user', version: 2, pub: {}, sub: {}, subs: -1, data: -1, payload: -1 };
  const seed = new TextDecoder().decode(user.getSeed());
  return {
    serverConfiguration: `operator: ${operatorJwt}
      resolver: MEMORY
      resolver_preload: { ${account.getPublicKey()}: ${accountJwt} }`,
    credentials: credentialsFile(signJwt(account, user, permissions), seed),
    credentialsFor: (seconds) => credentialsFile(signJwt(account, user, permissions, seconds), seed),
    seed,
  };
}

function credentialsFile(jwt: string, seed: string): string {
  return [
    '-----BEGIN NATS USER JWT-----',
    jwt,
    '------END NATS USER JWT------',
    '',
    '-----BEGIN USER NKEY SEED-----',
    seed,
    '------END USER NKEY SEED------',
    '',
  ].join('\n');
}

/** @param seconds - until it expires; absent: never */
function signJwt(issuer: KeyPair, subject: KeyPair, nats: object, seconds?: number): string {
  const now = Math.floor(Date.now() / 1_000);
  const claims = {
    jti: crypto.randomUUID(),
    iat: now,
    ...(seconds !== undefined && { exp: now + seconds }),
    iss: issuer.getPublicKey(),
    sub: subject.getPublicKey(),
    name: 'test',
    nats,
  };
  const signed = [{ typ: 'JWT', alg: 'ed25519-nkey' }, claims]
    .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
    .join('.');
  return `${signed}.${Buffer.from(issuer.sign(Buffer.from(signed))).toString('base64url')}`;
}
