/** NATS for the sandbox: the real server where it is installed, else a small one within this process. */
import { CoreNatsServer } from './core-server.ts';
import { findNatsServer, NatsServerProcess } from './server-process.ts';

export interface NatsServer extends AsyncDisposable {
  /** Completes "NATS is …". */
  readonly description: string;
  readonly url: string;
  readonly port: number;
}

/** @param options.port - on 127.0.0.1; absent: any that is free. Rejects when it is taken. */
export async function startNatsServer(options: { port?: number } = {}): Promise<NatsServer> {
  const installed = findNatsServer() !== undefined;
  const server = installed ? await NatsServerProcess.start(options) : await CoreNatsServer.start(options);
  return {
    description: installed ? 'nats-server' : 'a small server within the sandbox (nats-server is not installed)',
    url: server.url,
    port: server.port,
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}
