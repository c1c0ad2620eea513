/** Several real `nats-server`s with JetStream that form one cluster. */
import { findFreePort } from '../../scripts/free-port.ts';
import { NatsServerProcess } from '../../scripts/sandbox/nats/nats-server.ts';

export interface NatsCluster extends AsyncDisposable {
  servers: NatsServerProcess[];
}

/** Resolves when each server answers; they may not have chosen a leader yet. */
export async function startNatsCluster(size: number): Promise<NatsCluster> {
  const ports = await Promise.all(Array.from({ length: size }, findFreePort));
  const routes = ports.map((port) => `nats://127.0.0.1:${port}`).join(', ');
  const servers = await Promise.all(
    ports.map((port, index) =>
      NatsServerProcess.start({
        jetStream: true,
        configuration: `server_name: member-${index}
          cluster { name: members, listen: "127.0.0.1:${port}", routes: [${routes}] }`,
      }),
    ),
  );
  return {
    servers,
    [Symbol.asyncDispose]: async () => {
      await Promise.all(servers.map((server) => server[Symbol.asyncDispose]()));
    },
  };
}
