/** The Kubernetes API of the sandbox: a server on a port of this machine, with its store in memory. */
import { createServer, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { createCertificate } from './certificate.ts';
import { startControllers } from './controllers/controllers.ts';
import type { ControllerTimes } from './controllers/times.ts';
import { decodeObject } from './decode.ts';
import { Faults } from './faults.ts';
import { defaultNodePorts, type NodePortRange } from './kinds/service.ts';
import { Kubeconfigs } from './kubeconfig.ts';
import { Lists } from './list.ts';
import { PlayedLogs } from './logs.ts';
import { SandboxObjects } from './direct.ts';
import { Registry } from './registry.ts';
import { RequestLog } from './requests.ts';
import { namespaces } from './resources.ts';
import { requestListener } from './server.ts';
import { Store } from './store.ts';

export interface KubernetesApiOptions {
  /** 0, the default: a free one. */
  port?: number;
  host?: string;
  /** Serves HTTPS with a certificate of its own; plain HTTP by default. */
  tls?: boolean;
  /** Whether Deployments get Pods, Services addresses and so on, and how fast; on by default. */
  controllers?: boolean | Partial<ControllerTimes>;
  /** How often watches that ask for bookmarks get one; 10,000 by default. */
  bookmarkMilliseconds?: number;
  /** How many changes of each resource watches can resume from; 50,000 by default. */
  historyLimit?: number;
  nodePorts?: NodePortRange;
  log?: (message: string, fields: Record<string, unknown>) => void;
}

export interface SandboxKubernetes extends AsyncDisposable {
  readonly url: string;
  /** PEM; absent for plain HTTP. */
  readonly certificateAuthority?: string;
  readonly faults: Faults;
  readonly requests: RequestLog;
  readonly logs: PlayedLogs;
  /** The objects themselves, past HTTP and faults. */
  readonly objects: SandboxObjects;
  /** Writes a kubeconfig, into a folder of its own unless told where, and returns its path. */
  writeKubeconfig(path?: string): Promise<string>;
  /** Lets every version and list token expire that was given out: who resumes from one gets a 410. */
  compact(): void;
  /** Cuts all connections and stops everything; may be called twice. */
  close(): Promise<void>;
}

export async function startKubernetesApi(options: KubernetesApiOptions = {}): Promise<SandboxKubernetes> {
  const store = new Store({ historyLimit: options.historyLimit ?? 50_000 });
  const registry = new Registry(store, options.nodePorts ?? defaultNodePorts);
  const lists = new Lists(store);
  const faults = new Faults();
  const requests = new RequestLog();
  const logs = new PlayedLogs(store);
  const closing = new AbortController();
  const log = options.log ?? (() => undefined);
  const controllers = startControllers(registry, faults, {
    times: typeof options.controllers === 'object' ? options.controllers : {},
    workloads: options.controllers !== false,
    log,
  });
  for (const name of ['default', 'kube-system']) createNamespace(registry, name);

  const certificate = options.tls ? await createCertificate() : undefined;
  const listener = requestListener({
    registry,
    lists,
    faults,
    requests,
    logs,
    bookmarkMilliseconds: options.bookmarkMilliseconds ?? 10_000,
    log,
    closing: closing.signal,
  });
  const server = certificate
    ? createTlsServer({ key: certificate.key, cert: certificate.certificate }, listener)
    : createServer(listener);
  server.requestTimeout = 0;
  const host = options.host ?? '127.0.0.1';
  const port = await listen(server, host, options.port ?? 0);
  const url = `${certificate ? 'https' : 'http'}://${host}:${port}`;
  const trust = certificate && { certificateAuthority: certificate.certificate };
  const kubeconfigs = new Kubeconfigs({ url, ...trust });

  let closed: Promise<void> | undefined;
  const close = (): Promise<void> => {
    closed ??= (async () => {
      closing.abort();
      controllers.stop();
      await closeServer(server);
      await kubeconfigs.removeAll();
    })();
    return closed;
  };
  return {
    url,
    ...trust,
    faults,
    requests,
    logs,
    objects: new SandboxObjects(registry),
    writeKubeconfig: (path) => kubeconfigs.write(path),
    compact: () => {
      store.compact();
      lists.compact();
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

function createNamespace(registry: Registry, name: string): void {
  registry.create(namespaces, '', decodeObject(namespaces, { metadata: { name } }, 'v1').object);
}

async function listen(server: Server, host: string, port: number): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve();
    });
  });
  return (server.address() as AddressInfo).port;
}

async function closeServer(server: Server): Promise<void> {
  await new Promise<void>((resolve) => {
    server.close(() => {
      resolve();
    });
    server.closeAllConnections();
  });
}
