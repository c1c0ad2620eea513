/** The file with which clients find the sandbox. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface KubeconfigOptions {
  url: string;
  /** PEM; absent for plain HTTP. */
  certificateAuthority?: string;
}

/** YAML is a superset of JSON: what is written here is both. */
export function formatKubeconfig({ url, certificateAuthority }: KubeconfigOptions): string {
  const trust =
    certificateAuthority === undefined
      ? { 'insecure-skip-tls-verify': true }
      : { 'certificate-authority-data': Buffer.from(certificateAuthority).toString('base64') };
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'sandbox', cluster: { server: url, ...trust } }],
    users: [{ name: 'sandbox', user: { token: 'sandbox' } }],
    contexts: [{ name: 'sandbox', context: { cluster: 'sandbox', user: 'sandbox', namespace: 'default' } }],
    'current-context': 'sandbox',
  };
  return `${JSON.stringify(config, undefined, 2)}\n`;
}

/** Kubeconfig files; those in folders of their own go with `removeAll`. */
export class Kubeconfigs {
  readonly #folders: string[] = [];
  readonly #text: string;

  constructor(options: KubeconfigOptions) {
    this.#text = formatKubeconfig(options);
  }

  /** @param path - absent: a file in a new folder for temporary files. Returns the path. */
  async write(path?: string): Promise<string> {
    const file = path ?? join(await this.#newFolder(), 'kubeconfig');
    await writeFile(file, this.#text, { mode: 0o600 });
    return file;
  }

  async removeAll(): Promise<void> {
    await Promise.all(this.#folders.splice(0).map((folder) => rm(folder, { recursive: true, force: true })));
  }

  async #newFolder(): Promise<string> {
    const folder = await mkdtemp(join(tmpdir(), 'sandbox-kubernetes-'));
    this.#folders.push(folder);
    return folder;
  }
}
