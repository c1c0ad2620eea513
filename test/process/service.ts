/** The service as a process, with the least environment that it takes. */
import { createClient } from '../../generated/client.ts';
import type { Client } from '../../generated/client.ts';
import { conformingFetch } from '../../scripts/contract/conformance.ts';
import type { LogLine } from '../support/log-lines.ts';
import { mainArguments } from '../support/main-file.ts';
import { startProcess } from '../support/process.ts';
import type { ProcessOptions, TestProcess } from '../support/process.ts';

/** The variables that are required. Nothing answers where they point; port 9 is never listened on here. */
export const required = {
  SP_NAME: 'provider-1',
  SP_ENDPOINT: 'http://127.0.0.1:8080',
  DCM_REGISTRATION_URL: 'http://127.0.0.1:9/api/v1alpha1',
  SP_K8S_EXTERNAL_SVC_TYPE: 'LoadBalancer',
  SP_NATS_URL: 'nats://127.0.0.1:9',
};

export interface ServiceProcess extends TestProcess {
  /** The complete lines of its log so far. */
  log(): LogLine[];
  /** Resolves to its URL, without a path, once it listens. */
  listening(): Promise<string>;
  /** Resolves to a client once it listens. */
  client(): Promise<Client>;
}

/** Starts it on a free port of 127.0.0.1; `env` wins over that and over `required`. */
export function startService(
  env: Record<string, string>,
  { nodeArgs = [], ...options }: Omit<ProcessOptions, 'env'> & { nodeArgs?: string[] } = {},
): ServiceProcess {
  const service = startProcess(process.execPath, [...nodeArgs, ...mainArguments], {
    ...options,
    env: { ...required, SP_SERVER_ADDRESS: '127.0.0.1:0', ...env },
  });
  const listening = async () => {
    const [, address] = await service.printed(/"address":"([^"]+)"/);
    return `http://${address!}`;
  };
  return {
    ...service,
    log: () =>
      service
        .stdout()
        .split('\n')
        .slice(0, -1)
        .map((line) => JSON.parse(line) as LogLine),
    listening,
    client: async () => createClient({ baseUrl: await listening(), fetch: conformingFetch }),
  };
}
