/** The keys and certificates of a control plane that lives for one test run: keys by Node, certificates by openssl. */
import { execFile } from 'node:child_process';
import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

const opensslConfiguration = (address: string): string => `
[req]
distinguished_name = name
[name]
[authority]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, digitalSignature
[server]
basicConstraints = CA:FALSE
extendedKeyUsage = serverAuth
subjectAltName = IP:127.0.0.1, IP:${address}, DNS:localhost, DNS:kubernetes, DNS:kubernetes.default, DNS:kubernetes.default.svc
[client]
basicConstraints = CA:FALSE
extendedKeyUsage = clientAuth
`;

/** A certificate and its private key, both PEM, and the files that hold them. */
export interface Certificate {
  certificate: string;
  key: string;
  certificateFile: string;
  keyFile: string;
}

export interface Certificates {
  authority: Certificate;
  server: Certificate;
  /** A client certificate for a user, in a group where one is named. */
  client: (user: string, group?: string) => Promise<Certificate>;
  /** PEM files with the pair of keys that signs service account tokens, and checks them. */
  serviceAccount: { keyFile: string; publicKeyFile: string };
}

/**
 * Makes the certificate authority, the API server's certificate and the service account key, as files in `folder`.
 * `address` is where the API server listens.
 */
export async function createCertificates(folder: string, address: string): Promise<Certificates> {
  const configurationFile = join(folder, 'openssl.cnf');
  await writeFile(configurationFile, opensslConfiguration(address));

  const issue = async (name: string, section: string, subject: string, issuer?: Certificate): Promise<Certificate> => {
    const certificateFile = join(folder, `${name}.crt`);
    const keyFile = join(folder, `${name}.key`);
    const key = await writeKey(keyFile);
    const signedBy = issuer ? ['-CA', issuer.certificateFile, '-CAkey', issuer.keyFile] : [];
    await openssl([
      ...['req', '-x509', '-new', '-config', configurationFile, '-extensions', section, '-days', '365'],
      ...['-key', keyFile, '-subj', subject, ...signedBy, '-out', certificateFile],
    ]);
    return { certificate: await readFile(certificateFile, 'utf8'), key, certificateFile, keyFile };
  };

  const authority = await issue('authority', 'authority', '/CN=kubernetes-ca');
  const serviceAccount = {
    keyFile: join(folder, 'service-account.key'),
    publicKeyFile: join(folder, 'service-account.pub'),
  };
  const signingKey = await writeKey(serviceAccount.keyFile);
  const publicKey = createPublicKey(signingKey).export({ type: 'spki', format: 'pem' });
  await writeFile(serviceAccount.publicKeyFile, publicKey);
  return {
    authority,
    server: await issue('server', 'server', '/CN=kube-apiserver', authority),
    client: (user, group) =>
      issue(
        user.replaceAll(':', '-'),
        'client',
        group === undefined ? `/CN=${user}` : `/O=${group}/CN=${user}`,
        authority,
      ),
    serviceAccount,
  };
}

async function writeKey(file: string): Promise<string> {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const key = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  await writeFile(file, key, { mode: 0o600 });
  return key;
}

async function openssl(commandLine: string[]): Promise<void> {
  try {
    await run('openssl', commandLine);
  } catch (error) {
    throw (error as NodeJS.ErrnoException).code === 'ENOENT'
      ? new Error('a control plane for tests needs openssl 3 to make its certificates: install the package openssl')
      : error;
  }
}
