/** Images of one layer that holds busybox, made and pushed over the API of a registry. */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFile, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';

const run = promisify(execFile);

/** What images have of busybox, each as a link to it. */
const applets = 'cat dd echo env false head httpd id kill ls mkdir nc rm sh sleep tail test touch true wc wget'.split(
  ' ',
);
const architectures: Partial<Record<NodeJS.Architecture, string>> = { x64: 'amd64', arm64: 'arm64' };

const requestTimeoutMs = 30_000;
const manifestType = 'application/vnd.oci.image.manifest.v1+json';

export interface ImageConfiguration {
  Entrypoint?: readonly string[];
  Cmd?: readonly string[];
}

/** Makes the layer that all images share: busybox with its applets, a page for its httpd, and two users. */
export async function buildLayer(folder: string, busybox: string): Promise<Buffer> {
  const root = join(folder, 'image');
  for (const name of ['bin', 'dev', 'etc', 'proc', 'sys', 'tmp', 'www'])
    await mkdir(join(root, name), { recursive: true });
  await copyFile(busybox, join(root, 'bin/busybox'));
  for (const name of applets) await symlink('busybox', join(root, 'bin', name));
  const users = 'root:x:0:0:root:/:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n';
  await writeFile(join(root, 'etc/passwd'), users);
  await writeFile(join(root, 'www/index.html'), 'ok\n');
  const archive = join(folder, 'image.tar');
  await run('tar', ['--create', '--file', archive, '--owner=0', '--group=0', '--numeric-owner', '-C', root, '.']);
  return readFile(archive);
}

/** A registry that speaks plain HTTP. */
export class Registry {
  readonly host: string;
  readonly #layer: Buffer;
  readonly #compressed: Buffer;

  constructor(host: string, layer: Buffer) {
    this.host = host;
    this.#layer = layer;
    this.#compressed = gzipSync(layer);
  }

  async answers(): Promise<boolean> {
    return (await fetch(`http://${this.host}/v2/`, { signal: AbortSignal.timeout(1_000) })).ok;
  }

  /** Puts an image there, under `name:tag`. */
  async push(name: string, tag: string, configuration: ImageConfiguration): Promise<void> {
    const image = Buffer.from(
      JSON.stringify({
        architecture: architectures[process.arch] ?? process.arch,
        os: 'linux',
        config: { Env: ['PATH=/bin'], ...configuration },
        rootfs: { type: 'layers', diff_ids: [digestOf(this.#layer)] },
      }),
    );
    await this.#pushBlob(name, image);
    await this.#pushBlob(name, this.#compressed);
    const manifest = {
      schemaVersion: 2,
      mediaType: manifestType,
      config: describe('application/vnd.oci.image.config.v1+json', image),
      layers: [describe('application/vnd.oci.image.layer.v1.tar+gzip', this.#compressed)],
    };
    await this.#send('PUT', `/v2/${name}/manifests/${tag}`, JSON.stringify(manifest), manifestType);
  }

  /** Takes an image away. */
  async remove(name: string, tag: string): Promise<void> {
    const { headers } = await this.#send('HEAD', `/v2/${name}/manifests/${tag}`);
    await this.#send('DELETE', `/v2/${name}/manifests/${headers.get('docker-content-digest') ?? ''}`);
  }

  async #pushBlob(name: string, content: Buffer): Promise<void> {
    const { headers } = await this.#send('POST', `/v2/${name}/blobs/uploads/`, '');
    const location = new URL(headers.get('location') ?? '', `http://${this.host}`);
    location.searchParams.set('digest', digestOf(content));
    await this.#send('PUT', `${location.pathname}${location.search}`, content, 'application/octet-stream');
  }

  async #send(method: string, path: string, body?: string | Buffer, type?: string): Promise<Response> {
    const response = await fetch(`http://${this.host}${path}`, {
      method,
      ...(body !== undefined && { body: typeof body === 'string' ? body : new Uint8Array(body) }),
      headers: { accept: manifestType, ...(type !== undefined && { 'content-type': type }) },
      signal: AbortSignal.timeout(requestTimeoutMs),
    });
    if (!response.ok) throw new Error(`${method} ${path} at the registry: ${response.status} ${await response.text()}`);
    await response.arrayBuffer();
    return response;
  }
}

function describe(mediaType: string, content: Buffer): object {
  return { mediaType, digest: digestOf(content), size: content.length };
}

function digestOf(content: Buffer): string {
  return `sha256:${createHash('sha256').update(content).digest('hex')}`;
}
