/** Servers of the test that containers and the node ask: a registry that is away at first, and who says when to fill a volume. */
import { createServer } from 'node:http';
import { once } from 'node:events';
import { findFreePort } from '../../scripts/free-port.ts';
import type { RealNode } from '../../scripts/cluster/node/node.ts';

export interface AwayRegistry extends AsyncDisposable {
  /** As references of images begin. */
  host: string;
  comeBack(): Promise<void>;
}

/** Connections are refused until it comes back; then it has what the registry of the node has. */
export async function prepareAwayRegistry(node: RealNode): Promise<AwayRegistry> {
  const port = await findFreePort();
  const host = `${node.machineAddress}:${port}`;
  await node.usePlainHttp(host);
  const server = createServer((request, response) => {
    const { method = 'GET', url = '/', headers } = request;
    fetch(`http://${node.registry.host}${url}`, { method, headers: { accept: headers.accept ?? '*/*' } })
      .then(async (answer) => {
        const body = Buffer.from(await answer.arrayBuffer());
        const kept = ['content-type', 'content-length', 'docker-content-digest'];
        const all = kept.map((name) => [name, answer.headers.get(name)] as const);
        response.writeHead(
          answer.status,
          Object.fromEntries(all.flatMap(([name, value]) => (value ? [[name, value]] : []))),
        );
        response.end(method === 'HEAD' ? undefined : body);
      })
      .catch(() => response.writeHead(502).end());
  });
  return {
    host,
    comeBack: async () => {
      server.listen(port, node.machineAddress);
      await once(server, 'listening');
    },
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      if (!server.listening) return;
      server.close();
      await once(server, 'close');
    },
  };
}

/** Answers 200 once, then 404. */
export async function startFillServer(address: string): Promise<AsyncDisposable & { url: string }> {
  let asked = 0;
  const server = createServer((_, response) => response.writeHead(asked++ === 0 ? 200 : 404).end());
  server.listen(0, address);
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  return {
    url: `http://${address}:${port}/fill`,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
