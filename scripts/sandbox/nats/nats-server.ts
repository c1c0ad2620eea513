/** NATS for tests: the real server where it is installed, else, for tests that ask for nothing special, one in this process. */
import { CoreNatsServer } from './core-server.ts';
import { findNatsServer, natsServerVersion, NatsServerProcess } from './server-process.ts';
import type { NatsServerProcessOptions } from './server-process.ts';

export { NatsServerProcess };

const isInstalled = findNatsServer() !== undefined;

/**
 * For the option `skip` of tests that need the real server: false where it is installed, else why they are left out. In
 * CI nothing is left out: the tests run, and fail.
 */
export const withoutNatsServer = isInstalled || process.env['CI'] === 'true' ? false : 'nats-server is not installed';

/** The same for tests that need a server of this version or a newer one, in CI too: `npm run test:cluster` runs them. */
export function withoutNatsServerSince(major: number, minor: number): string | false {
  const version = natsServerVersion();
  if (version === undefined) return 'nats-server is not installed';
  const isOlder = version[0] < major || (version[0] === major && version[1] < minor);
  return isOlder && `nats-server is older than ${major}.${minor}`;
}

/** What both servers can do. */
export interface TestNatsServer extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  /** Gone at once, with all connections. */
  kill(): Promise<void>;
  /** At the same port, after it was killed. */
  restart(): Promise<void>;
  /** Connections stay, and nothing is answered. */
  pause(): void;
  resume(): void;
}

/** On a free port of 127.0.0.1. */
export async function startNatsServer(options: { port?: number } = {}): Promise<TestNatsServer> {
  return withoutNatsServer === false ? startRealNatsServer(options) : startCoreNatsServer(options);
}

/** For tests with `skip: withoutNatsServer`. */
export function startRealNatsServer(options: NatsServerProcessOptions = {}): Promise<NatsServerProcess> {
  return NatsServerProcess.start(options);
}

export async function startCoreNatsServer(options: { port?: number } = {}): Promise<TestNatsServer> {
  const server = await CoreNatsServer.start(options);
  return {
    url: server.url,
    port: server.port,
    kill: () => server.close(),
    restart: () => server.listen(),
    pause: () => server.pause(),
    resume: () => server.resume(),
    [Symbol.asyncDispose]: () => server.close(),
  };
}
