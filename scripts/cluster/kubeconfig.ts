/** The file by which clients of Kubernetes find an API server and say who they are. */
import { writeFile } from 'node:fs/promises';
import type { Certificate } from './certificates.ts';

/** Writes who somebody is to which API server, as JSON, which is YAML as well. */
export async function writeKubeconfig(
  path: string,
  server: string,
  authority: string | undefined,
  user: Pick<Certificate, 'certificate' | 'key'> | { token: string },
): Promise<void> {
  const base64 = (text: string): string => Buffer.from(text).toString('base64');
  const credentials =
    'token' in user
      ? { token: user.token }
      : { 'client-certificate-data': base64(user.certificate), 'client-key-data': base64(user.key) };
  const content = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [
      {
        name: 'test',
        cluster: {
          server,
          ...(authority === undefined
            ? { 'insecure-skip-tls-verify': true }
            : { 'certificate-authority-data': base64(authority) }),
        },
      },
    ],
    users: [{ name: 'test', user: credentials }],
    contexts: [{ name: 'test', context: { cluster: 'test', user: 'test' } }],
    'current-context': 'test',
  };
  await writeFile(path, JSON.stringify(content, undefined, 2), { mode: 0o600 });
}
