/**
 * `npm run sandbox`: the provider with everything that it needs, on this machine and in memory. Every variable of the
 * configuration that is set in the environment is used as it is; what it names is then not started here. `--log` shows
 * all of the provider's log, not only warnings and errors. `--replicas N` starts so many providers, which elect a leader.
 * `--agent` lets an environment agent take the registration, in place of the Service Provider Manager.
 */
import { parseArgs } from 'node:util';

import { chooseAddress } from './address.ts';
import { startAgent } from './agent.ts';
import {
  formatAnswer,
  formatBanner,
  formatDispatch,
  formatEvent,
  formatHealth,
  formatLogLine,
  formatRegistration,
  formatReplica,
} from './banner.ts';
import { followEvents } from './events.ts';
import { startKubernetesApi } from './kubernetes/api.ts';
import { startNatsServer } from './nats/start.ts';
import { startProvider } from './provider.ts';
import { startRegistry } from './registry.ts';
import { untilNpmEnds } from '../parents.ts';

const managementPort = 8081;
const maxReplicas = 9;
/** npm passes a terminal's SIGINT on to us, who have it already: only a signal after this time means hurry. */
const sameSignalMs = 500;

const { values: options } = parseArgs({
  options: {
    log: { type: 'boolean', default: false },
    replicas: { type: 'string', default: '1' },
    agent: { type: 'boolean', default: false },
  },
});
const showWholeLog = options.log;
const replicas = Number(options.replicas);
if (!Number.isInteger(replicas) || replicas < 1 || replicas > maxReplicas) {
  console.error(`--replicas is ${options.replicas}: it must be a whole number from 1 to ${maxReplicas}`);
  process.exit(1);
}
/** Kept back until the banner is out. */
let early: string[] | undefined = [];
let stopping = false;

await run(Promise.race([untilSignal(), untilNpmEnds()]));
// A connection to somebody else's NATS may still be waited for.
process.exit();

async function run(stop: Promise<void>): Promise<void> {
  await using parts = new AsyncDisposableStack();
  const natsUrl = configured('SP_NATS_URL');
  const nats = natsUrl === undefined ? parts.use(await startNatsServer()) : { url: natsUrl, description: natsUrl };
  const ownKubeconfig = configured('SP_K8S_KUBECONFIG') === undefined;
  const kubeconfig = configured('SP_K8S_KUBECONFIG') ?? (await parts.use(await startKubernetesApi()).writeKubeconfig());
  const registryUrl =
    configured('DCM_REGISTRATION_URL') ?? parts.use(await (options.agent ? startOwnAgent() : startOwnRegistry())).url;
  const address = await chooseAddress(configured('SP_SERVER_ADDRESS'));
  const management = await chooseAddress(configured('SP_MANAGEMENT_ADDRESS'), managementPort);
  const following = followEvents(nats.url, (event) => say(formatEvent(event)));
  if (natsUrl === undefined) parts.use(await following);
  else following.catch((error: unknown) => say(`Status events cannot be shown: ${String(error)}`));

  const startReplica = (number: number, addresses: Record<string, string>) =>
    parts.use(
      startProvider({
        env: {
          ...process.env,
          SP_NATS_URL: nats.url,
          SP_K8S_KUBECONFIG: kubeconfig,
          DCM_REGISTRATION_URL: registryUrl,
          ...addresses,
          ...defaults(address.url),
        },
        onLine(line) {
          const shown = (replicas > 1 ? formatReplica(line, number) : undefined) ?? formatLogLine(line, showWholeLog);
          if (shown !== undefined) say(shown);
        },
      }),
    );
  const provider = startReplica(1, { SP_SERVER_ADDRESS: address.listen, SP_MANAGEMENT_ADDRESS: management.listen });
  for (let number = 2; number <= replicas; number += 1) {
    startReplica(number, { SP_SERVER_ADDRESS: '127.0.0.1:0', SP_MANAGEMENT_ADDRESS: '' });
  }
  try {
    await Promise.race([provider.listening, stop]);
  } catch (error) {
    sayAll();
    console.error((error as Error).message);
    process.exitCode = 1;
    return;
  }
  const natsShown = natsUrl === undefined ? `${nats.url}, ${nats.description}` : 'as SP_NATS_URL says';
  console.log(
    formatBanner({
      ...address,
      managementUrl: management.url,
      nats: natsShown,
      kubeconfig,
      ownCluster: ownKubeconfig,
      ...(options.agent && configured('DCM_REGISTRATION_URL') === undefined && { agentUrl: registryUrl }),
    }),
  );
  sayAll();
  // Asked to stop, the provider ends as well, and that is no failure then.
  process.exitCode = await Promise.race([stop.then(() => 0), provider.ended.then(() => 1)]);
  stopping = true;
}

function startOwnRegistry() {
  return startRegistry({
    onRegistration: (registration) => say(formatRegistration(registration)),
    onHealth: (name, status) => say(formatHealth('registry', name, status)),
  });
}

function startOwnAgent() {
  return startAgent({
    onRegistration: (registration, status) => say(formatAnswer(registration, status)),
    onState: (name, state) => say(formatHealth('agent', name, state)),
    onDispatch: (dispatch) => say(formatDispatch(dispatch)),
  });
}

/** Those of the variables that have a value of the sandbox's own and are not set. */
function defaults(url: string): Record<string, string> {
  const values = {
    SP_NAME: 'sandbox',
    SP_ENDPOINT: url,
    SP_DISPLAY_NAME: 'Containers in the sandbox',
    SP_REGION: 'local',
    SP_ZONE: 'local-1',
    SP_K8S_EXTERNAL_SVC_TYPE: 'LoadBalancer',
    SP_LOGS: 'true',
    SP_SERVER_SHUTDOWN_TIMEOUT: '1s',
    ...(replicas > 1 && { SP_LEADER_ELECTION: 'true' }),
    ...(options.agent && { SP_PROBLEM_TYPES: 'uris' }),
  };
  return Object.fromEntries(Object.entries(values).filter(([variable]) => configured(variable) === undefined));
}

function configured(variable: string): string | undefined {
  return process.env[variable] || undefined;
}

/** Resolves at the first signal that asks for the end; a later one ends everything at once. */
function untilSignal(): Promise<void> {
  return new Promise((resolve) => {
    let first: number | undefined;
    const receive = () => {
      if (first !== undefined && performance.now() - first > sameSignalMs) process.exit(1);
      first ??= performance.now();
      resolve();
    };
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, receive);
  });
}

/** Parts that miss each other while all of them end are no news. */
function say(line: string): void {
  if (stopping) return;
  if (early === undefined) console.log(line);
  else early.push(line);
}

function sayAll(): void {
  for (const line of early ?? []) console.log(line);
  early = undefined;
}
