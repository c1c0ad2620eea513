/** A certificate for servers on this machine that is its own authority, made by openssl. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

export interface TestCertificate extends AsyncDisposable {
  /** PEM; clients take it as their authority too. */
  certFile: string;
  keyFile: string;
}

export async function makeCertificate(): Promise<TestCertificate> {
  const folder = await mkdtemp(join(tmpdir(), 'certificate-'));
  const [certFile, keyFile] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', keyFile];
  const names = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1,DNS:localhost'];
  await promisify(execFile)('openssl', ['req', '-x509', ...key, ...names, '-days', '2', '-out', certFile]);
  return { certFile, keyFile, [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }) };
}
