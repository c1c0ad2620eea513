/** Kubeconfigs that kubectl takes, and a server that keeps what it is sent for them. */
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { connect } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { TLSSocket } from 'node:tls';

import { makeCertificate } from './certificate.ts';

/** What arrived, and how; what did not arrive is absent. */
export interface Arrival {
  path: string;
  tls: boolean;
  authorization?: string;
  impersonates?: string;
  /** Whether the client had the certificate of the stage. */
  certificate?: true;
  /** The name that the client asked for in its handshake. */
  servername?: string;
  viaProxy?: true;
}

export interface Observation {
  arrivals: Arrival[];
  /** What each run of the plugin was told in `KUBERNETES_EXEC_INFO`. */
  plugin: unknown[];
}

export interface Stage extends AsyncDisposable {
  /** Where the kubeconfigs lie: beside `ca.pem`, `client.pem`, `client.key`, `token` and `bin/plugin`. */
  folder: string;
  /** `host:port`. */
  secure: string;
  plain: string;
  proxy: string;
  /** In base64. */
  caData: string;
  certData: string;
  keyData: string;
  /** With the folder of the plugin in its `PATH`. */
  environment: NodeJS.ProcessEnv;
  /** Writes the kubeconfig, lets somebody use it, and tells what came of it. */
  observe: (kubeconfig: string, use: (file: string) => Promise<unknown>) => Promise<Observation>;
}

export async function openStage(): Promise<Stage> {
  await using parts = new AsyncDisposableStack();
  const certificate = parts.use(await makeCertificate());
  const folder = await mkdtemp(join(tmpdir(), 'kubeconfigs-'));
  parts.defer(() => rm(folder, { recursive: true, force: true }));
  const [cert, key] = await Promise.all([
    readFile(certificate.certFile, 'utf8'),
    readFile(certificate.keyFile, 'utf8'),
  ]);
  await Promise.all(
    Object.entries({ 'ca.pem': cert, 'client.pem': cert, 'client.key': key, token: 'token-of-file\r\n' }).map(
      ([name, text]) => writeFile(join(folder, name), text),
    ),
  );
  const runs = join(folder, 'runs');
  await writePlugin(join(folder, 'bin'), runs);

  const tunnels = new Set<number>();
  const arrivals: Arrival[] = [];
  const answer = (request: IncomingMessage, response: ServerResponse) => {
    arrivals.push(describe(request, tunnels));
    response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
  };
  const listen = async (server: Server): Promise<string> => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    parts.defer(() => new Promise((resolve) => server.close(() => resolve())));
    return `127.0.0.1:${(server.address() as AddressInfo).port}`;
  };
  const secureServer = createTlsServer({ cert, key, requestCert: true, rejectUnauthorized: false }, answer);
  const plainServer = createServer(answer);
  const [secure, plain] = [await listen(secureServer), await listen(plainServer)];
  const proxy = await listen(createProxy(tunnels));
  parts.defer(() => {
    secureServer.closeAllConnections();
    plainServer.closeAllConnections();
  });
  const open = parts.move();
  const data = (text: string) => Buffer.from(text).toString('base64');
  return {
    folder,
    secure,
    plain,
    proxy,
    caData: data(cert),
    certData: data(cert),
    keyData: data(key),
    environment: { ...process.env, PATH: [join(folder, 'bin'), process.env['PATH']].join(delimiter) },
    async observe(kubeconfig, use) {
      const file = join(folder, 'config');
      await writeFile(file, kubeconfig);
      await rm(runs, { force: true });
      arrivals.length = 0;
      await use(file);
      const infos = await readFile(runs, 'utf8').catch(() => '');
      const plugin = infos
        .split('\n')
        .filter(Boolean)
        .map((line) => JSON.parse(line) as unknown);
      return { arrivals: [...arrivals], plugin };
    },
    [Symbol.asyncDispose]: () => open.disposeAsync(),
  };
}

async function writePlugin(folder: string, runs: string): Promise<void> {
  const credential = {
    apiVersion: 'client.authentication.k8s.io/v1',
    kind: 'ExecCredential',
    status: { token: 'token-of-plugin' },
  };
  await mkdir(folder);
  const file = join(folder, 'plugin');
  const script = `printf '%s\\n' "$KUBERNETES_EXEC_INFO" >> ${runs}\necho '${JSON.stringify(credential)}'`;
  await writeFile(file, `#!/bin/sh\n${script}\n`);
  await chmod(file, 0o755);
}

function describe({ url, headers, socket }: IncomingMessage, tunnels: ReadonlySet<number>): Arrival {
  const { authorization, 'impersonate-user': impersonates } = headers;
  const secure = socket instanceof TLSSocket ? socket : undefined;
  return {
    path: url!,
    tls: secure !== undefined,
    ...(authorization !== undefined && { authorization }),
    ...(typeof impersonates === 'string' && { impersonates }),
    ...(secure && Object.keys(secure.getPeerCertificate()).length > 0 && { certificate: true }),
    ...(secure && hasName(secure) && { servername: secure.servername }),
    ...(tunnels.has(socket.remotePort!) && { viaProxy: true }),
  };
}

/** False where the client asked for none, as for an address. */
function hasName(socket: TLSSocket): socket is TLSSocket & { servername: string } {
  return typeof (socket as { servername?: unknown }).servername === 'string';
}

/** Tunnels, and keeps the ports that its tunnels come from. */
function createProxy(tunnels: Set<number>) {
  return createServer().on('connect', ({ url = '' }, client: Socket) => {
    const [host, port] = url.split(':');
    const upstream = connect(Number(port), host, () => {
      tunnels.add(upstream.localPort!);
      client.write('HTTP/1.1 200 OK\r\n\r\n');
      client.pipe(upstream).pipe(client);
    });
    for (const socket of [client, upstream]) socket.on('error', () => undefined).on('close', () => client.destroy());
  });
}

/** One cluster, one user and one context, as YAML of one line each: JSON, but for what a test adds by hand. */
function kubeconfig(cluster: object, user?: object): string {
  return [
    'apiVersion: v1',
    'kind: Config',
    'current-context: x',
    `contexts: [{name: x, context: {cluster: c${user === undefined ? '' : ', user: u'}}}]`,
    `clusters: [{name: c, cluster: ${JSON.stringify(cluster)}}]`,
    ...(user === undefined ? [] : [`users: [{name: u, user: ${JSON.stringify(user)}}]`]),
    '',
  ].join('\n');
}

export interface KubeconfigCase {
  /** Completes "of a kubeconfig with …". */
  sentence: string;
  kubeconfig: (stage: Stage) => string;
  /** What arrives beside the path, if that is `/version`, and TLS. */
  arrival: (stage: Stage) => Partial<Arrival>;
  /** The `spec` that the plugin was told; absent: it is not run. */
  told?: (stage: Stage) => object;
}

const trusted = ({ secure }: Stage) => ({ server: `https://${secure}`, 'certificate-authority': 'ca.pem' });
const execApi = { apiVersion: 'client.authentication.k8s.io/v1', interactiveMode: 'Never' };
const bearer = (token: string) => () => ({ authorization: `Bearer ${token}` });
const basic = (text: string) => () => ({ authorization: `Basic ${Buffer.from(text).toString('base64')}` });
const certificate = () => ({ certificate: true as const });
const nothing = () => ({});

function byUser(
  sentence: string,
  user: object | ((stage: Stage) => object) | undefined,
  arrival: KubeconfigCase['arrival'],
  told?: KubeconfigCase['told'],
): KubeconfigCase {
  const userOf = (stage: Stage) => (typeof user === 'function' ? (user as (stage: Stage) => object)(stage) : user);
  return {
    sentence,
    kubeconfig: (stage) => kubeconfig(trusted(stage), userOf(stage)),
    arrival,
    ...(told && { told }),
  };
}

function byCluster(
  sentence: string,
  cluster: (stage: Stage) => object,
  arrival: KubeconfigCase['arrival'] = bearer('t'),
): KubeconfigCase {
  return { sentence, kubeconfig: (stage) => kubeconfig(cluster(stage), { token: 't' }), arrival };
}

const plainlyTold = () => ({ interactive: false });

export const kubeconfigCases: readonly KubeconfigCase[] = [
  byUser('a token', { token: 't' }, bearer('t')),
  byUser('a token file beside it', { tokenFile: 'token' }, bearer('token-of-file')),
  byUser('a token and a token file', { token: 't', tokenFile: 'token' }, bearer('token-of-file')),
  byUser('a user name and a password', { username: 'me', password: 'p:w' }, basic('me:p:w')),
  byUser('a user name alone', { username: 'me' }, basic('me:')),
  byUser(
    'the files of a certificate beside it',
    { 'client-certificate': 'client.pem', 'client-key': 'client.key' },
    certificate,
  ),
  byUser(
    'a certificate in it',
    ({ certData, keyData }) => ({ 'client-certificate-data': certData, 'client-key-data': keyData }),
    certificate,
  ),
  byUser('somebody to act as', { token: 't', as: 'you' }, () => ({ authorization: 'Bearer t', impersonates: 'you' })),
  byUser('empty fields of its user', { token: 't', as: '', tokenFile: '', username: '' }, bearer('t')),
  byUser('a user without credentials', {}, nothing),
  byUser('no user', undefined, nothing),
  byUser('a plugin beside it', { exec: { ...execApi, command: 'bin/plugin' } }, bearer('token-of-plugin'), plainlyTold),
  byUser(
    'a plugin beside it, from here',
    { exec: { ...execApi, command: './bin/plugin' } },
    bearer('token-of-plugin'),
    plainlyTold,
  ),
  byUser('a plugin in the PATH', { exec: { ...execApi, command: 'plugin' } }, bearer('token-of-plugin'), plainlyTold),
  byUser(
    'a plugin with a variable of its own',
    { exec: { ...execApi, command: 'plugin', args: ['a'], env: [{ name: 'KUBERNETES_EXEC_INFO', value: 'mine' }] } },
    bearer('token-of-plugin'),
    plainlyTold,
  ),
  byUser('a plugin beside a token', { token: 't', exec: { ...execApi, command: 'plugin' } }, bearer('t')),
  byUser(
    'a plugin beside a token file',
    { tokenFile: 'token', exec: { ...execApi, command: 'plugin' } },
    bearer('token-of-file'),
  ),
  byUser('a plugin beside a user name', { username: 'me', exec: { ...execApi, command: 'plugin' } }, basic('me:')),
  byUser(
    'a plugin beside a certificate',
    { 'client-certificate': 'client.pem', 'client-key': 'client.key', exec: { ...execApi, command: 'plugin' } },
    certificate,
  ),
  {
    sentence: 'a plugin that is told of the cluster',
    kubeconfig: ({ secure, proxy }) =>
      kubeconfig(
        {
          server: `https://${secure}/`,
          'certificate-authority': 'ca.pem',
          'tls-server-name': 'localhost',
          'proxy-url': `http://${proxy}`,
          'disable-compression': true,
          extensions: [
            { name: 'other', extension: { not: 'this' } },
            { name: 'client.authentication.k8s.io/exec', extension: { audience: 'a', deep: [1, { b: null }] } },
          ],
        },
        { exec: { ...execApi, command: 'plugin', provideClusterInfo: true } },
      ),
    arrival: () => ({ authorization: 'Bearer token-of-plugin', servername: 'localhost', viaProxy: true }),
    told: ({ secure, proxy, caData }) => ({
      cluster: {
        server: `https://${secure}/`,
        'tls-server-name': 'localhost',
        'certificate-authority-data': caData,
        'proxy-url': `http://${proxy}`,
        'disable-compression': true,
        config: { audience: 'a', deep: [1, { b: null }] },
      },
      interactive: false,
    }),
  },
  {
    sentence: 'a plugin that is told of a cluster without a certificate',
    kubeconfig: ({ secure }) =>
      kubeconfig(
        { server: `https://${secure}`, 'insecure-skip-tls-verify': true, 'proxy-url': '' },
        { exec: { ...execApi, command: 'plugin', provideClusterInfo: true } },
      ),
    arrival: bearer('token-of-plugin'),
    told: ({ secure }) => ({
      cluster: { server: `https://${secure}`, 'insecure-skip-tls-verify': true, config: null },
      interactive: false,
    }),
  },
  byCluster('an authority in it', ({ secure, caData }) => ({
    server: `https://${secure}`,
    'certificate-authority-data': caData,
  })),
  byCluster(
    'another name of the server',
    (stage) => ({ ...trusted(stage), 'tls-server-name': 'localhost' }),
    () => ({ authorization: 'Bearer t', servername: 'localhost' }),
  ),
  byCluster('empty fields of its cluster', (stage) => ({
    ...trusted(stage),
    'proxy-url': '',
    'tls-server-name': '',
    'certificate-authority-data': '',
  })),
  byCluster(
    'a proxy',
    (stage) => ({ ...trusted(stage), 'proxy-url': `http://${stage.proxy}` }),
    () => ({ authorization: 'Bearer t', viaProxy: true }),
  ),
  byCluster(
    'a server below a path',
    (stage) => ({ ...trusted(stage), server: `https://${stage.secure}/k8s/clusters/c-1/` }),
    () => ({ authorization: 'Bearer t', path: '/k8s/clusters/c-1/version' }),
  ),
  byCluster(
    'a server without a scheme',
    ({ plain }) => ({ server: plain }),
    () => ({ tls: false }),
  ),
  {
    sentence: 'a server without a scheme, and a plugin',
    kubeconfig: ({ plain }) =>
      kubeconfig(
        { server: plain, 'certificate-authority': 'ca.pem' },
        { as: 'you', exec: { ...execApi, command: 'plugin' } },
      ),
    arrival: () => ({ tls: false, impersonates: 'you' }),
  },
  {
    sentence: 'a user that it does not have',
    kubeconfig: (stage) => kubeconfig(trusted(stage), { token: 't' }).replace('name: u', 'name: v'),
    arrival: nothing,
  },
  {
    sentence: 'keys that stand twice',
    kubeconfig: (stage) =>
      kubeconfig(trusted(stage), { token: 't' })
        .replace('{"token":"t"}', '{token: first, token: t}')
        .replace('current-context: x', 'current-context: z\ncurrent-context: x'),
    arrival: bearer('t'),
  },
  {
    sentence: 'anchors',
    kubeconfig: (stage) =>
      kubeconfig(trusted(stage), { token: 't' }).replace('{"token":"t"}', '{<<: {token: s, as: you}, token: t}'),
    arrival: () => ({ authorization: 'Bearer t', impersonates: 'you' }),
  },
  {
    sentence: 'line ends of another system, and none at its end',
    kubeconfig: (stage) => kubeconfig(trusted(stage), { token: 't' }).trimEnd().replaceAll('\n', '\r\n'),
    arrival: bearer('t'),
  },
];

/** What neither takes. The words complete "… cannot be used", or say why there are no credentials. */
export const refusedKubeconfigs: readonly [sentence: string, kubeconfig: (stage: Stage) => string, words: RegExp][] = [
  [
    'a context that it does not have',
    (stage) => kubeconfig(trusted(stage), {}).replace('name: x', 'name: z'),
    /no context of the name x/,
  ],
  ['no server', () => kubeconfig({ 'certificate-authority': 'ca.pem' }, {}), /cluster has no server/],
  ['a server that is no address', () => kubeconfig({ server: 'not an address' }, {}), /server must be a URL/],
  [
    'two users of one name',
    (stage) => kubeconfig(trusted(stage), {}).replace('users: [', 'users: [{name: u, user: {token: s}}, '),
    /more than one user of the name u/,
  ],
  [
    'a plugin that wants a terminal',
    (stage) => kubeconfig(trusted(stage), { exec: { ...execApi, command: 'plugin', interactiveMode: 'Always' } }),
    /plugin needs a terminal/,
  ],
  [
    'a plugin that is not installed',
    (stage) =>
      kubeconfig(trusted(stage), {
        exec: { ...execApi, command: 'no-such-plugin', installHint: 'Get it at example.com.' },
      }),
    /plugin no-such-plugin is not installed: Get it at example\.com\./,
  ],
];
