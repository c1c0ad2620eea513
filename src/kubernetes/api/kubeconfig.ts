/** What a kubeconfig says about its current context, as kubectl takes it. The official client overlooks some of that. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Cluster, User } from '@kubernetes/client-node';
import { parse } from 'yaml';

import type { CredentialsPlugin } from './credentials-plugins.ts';

type Fields = Record<string, unknown>;

/**
 * Of a key that stands twice the last one counts, of a file and its data the data; a token, a password or a certificate
 * wins over a plugin, which is then never run. What is empty is absent.
 *
 * @param folder - of the file, absolute: what it names without a leading slash lies there
 * @throws Error that completes "the kubeconfig cannot be used: …"
 */
export function parseKubeconfig(text: string, folder: string): { cluster: Cluster; user: User } {
  const document = fieldsOf(parse(text, { uniqueKeys: false, merge: true }), 'it');
  const contextName = textOf(document, 'current-context');
  const context = namedFields(document, 'context', contextName);
  if (context === undefined) throw new Error(`it has no context of the name ${contextName ?? 'that it should use'}`);
  const clusterName = textOf(context, 'cluster');
  const clusterFields = namedFields(document, 'cluster', clusterName);
  if (clusterFields === undefined)
    throw new Error(`it has no cluster of the name ${clusterName ?? 'that it should use'}`);
  // Who is not there is nobody, and comes without credentials.
  const userFields = namedFields(document, 'user', textOf(context, 'user')) ?? {};
  refuseUnsupported(userFields);
  const cluster = readCluster(clusterFields, folder);
  return { cluster, user: readUser(userFields, folder, { cluster, clusterFields }) };
}

function readCluster(fields: Fields, folder: string): Cluster {
  const server = readServer(textOf(fields, 'server'));
  const proxyUrl = textOf(fields, 'proxy-url');
  if (proxyUrl !== undefined && !/^https?:$/.test(URL.parse(proxyUrl)?.protocol ?? '')) {
    throw new Error('its proxy-url must begin with http:// or https://');
  }
  const caData = textOf(fields, 'certificate-authority-data');
  return {
    name: 'cluster',
    server,
    caData,
    caFile: caData === undefined ? fileOf(fields, 'certificate-authority', folder) : undefined,
    tlsServerName: textOf(fields, 'tls-server-name'),
    // The official client refuses plain HTTP without this.
    skipTLSVerify: fields['insecure-skip-tls-verify'] === true || server.startsWith('http:'),
    proxyUrl,
  } as Cluster;
}

/** Without a trailing slash; what has no scheme is plain HTTP. */
function readServer(server: string | undefined): string {
  if (server === undefined) throw new Error('its cluster has no server');
  const url = (hasScheme(server) ? server : `http://${server}`).replace(/[?#].*$/s, '').replace(/\/+$/, '');
  if (!/^https?:$/.test(URL.parse(url)?.protocol ?? '')) {
    throw new Error('its server must be a URL that begins with http:// or https://, or a host and a port');
  }
  return url;
}

function hasScheme(server: string | undefined): boolean {
  return /^[a-z][a-z0-9+.-]*:\/\//i.test(server ?? '');
}

function readUser(
  fields: Fields,
  folder: string,
  { cluster, clusterFields }: { cluster: Cluster; clusterFields: Fields },
): User {
  const whoever = { name: 'user', impersonateUser: textOf(fields, 'as') };
  // As kubectl does: nobody has said that the server may be asked in plain text.
  if (!hasScheme(textOf(clusterFields, 'server'))) return whoever as User;
  const [certData, keyData] = [textOf(fields, 'client-certificate-data'), textOf(fields, 'client-key-data')];
  const tokenFile = fileOf(fields, 'tokenFile', folder);
  const username = textOf(fields, 'username');
  const own = {
    // The file wins over a token, and is read again as the token of a service account is.
    token: tokenFile === undefined ? textOf(fields, 'token') : undefined,
    username,
    certData,
    certFile: certData === undefined ? fileOf(fields, 'client-certificate', folder) : undefined,
  };
  const usesPlugin = Object.values({ ...own, tokenFile }).every((value) => value === undefined);
  return {
    ...whoever,
    ...own,
    ...(username !== undefined && { password: textOf(fields, 'password') ?? '' }),
    keyData,
    keyFile: keyData === undefined ? fileOf(fields, 'client-key', folder) : undefined,
    authProvider: tokenFile === undefined ? fields['auth-provider'] : { name: 'tokenFile', config: { tokenFile } },
    exec: usesPlugin && !isEmpty(fields['exec']) ? readPlugin(fields, folder, { cluster, clusterFields }) : undefined,
  } as User;
}

function readPlugin(
  { exec }: Fields,
  folder: string,
  { cluster, clusterFields }: { cluster: Cluster; clusterFields: Fields },
): CredentialsPlugin {
  const fields = fieldsOf(exec, 'exec of its user');
  const command = textOf(fields, 'command');
  if (command === undefined) throw new Error('exec of its user has no command');
  if (fields['interactiveMode'] === 'Always') throw new Error('its credentials plugin needs a terminal');
  const info = {
    kind: 'ExecCredential',
    apiVersion: fields['apiVersion'],
    spec: {
      ...(fields['provideClusterInfo'] === true && { cluster: describeCluster(cluster, clusterFields) }),
      interactive: false,
    },
  };
  return {
    ...fields,
    command: command.includes('/') ? resolve(folder, command) : command,
    env: [
      ...((fields['env'] ?? []) as CredentialsPlugin['env']),
      { name: 'KUBERNETES_EXEC_INFO', value: JSON.stringify(info) },
    ],
  };
}

/** The cluster as plugins are told of it. */
function describeCluster({ tlsServerName, caData, caFile, proxyUrl }: Cluster, fields: Fields): Fields {
  const extensions = (fields['extensions'] ?? []) as { name?: unknown; extension?: unknown }[];
  return {
    server: fields['server'],
    'tls-server-name': tlsServerName,
    'insecure-skip-tls-verify': fields['insecure-skip-tls-verify'] === true || undefined,
    'certificate-authority-data': caFile === undefined ? caData : readFileSync(caFile).toString('base64'),
    'proxy-url': proxyUrl,
    'disable-compression': fields['disable-compression'] === true || undefined,
    config: extensions.find(({ name }) => name === 'client.authentication.k8s.io/exec')?.extension ?? null,
  };
}

/** Fields that change as whom one acts: to drop them would be to act as somebody else. */
const unsupportedFields = ['as-groups', 'as-uid', 'as-user-extra'] as const;

function refuseUnsupported(user: Fields): void {
  const unsupported = unsupportedFields.filter((field) => !isEmpty(user[field]));
  if (unsupported.length > 0) throw new Error(`its user has ${unsupported.join(', ')}, which is not supported`);
}

/** The entry of `contexts`, `clusters` or `users` that has this name; undefined where there is none. */
function namedFields(
  document: Fields,
  kind: 'context' | 'cluster' | 'user',
  name: string | undefined,
): Fields | undefined {
  const entries = document[`${kind}s`] ?? [];
  if (!Array.isArray(entries)) throw new Error(`its ${kind}s are not a list`);
  const found = entries.filter((entry: Fields | null) => name !== undefined && entry?.['name'] === name) as Fields[];
  if (found.length > 1) throw new Error(`it has more than one ${kind} of the name ${name}`);
  const fields = found[0]?.[kind];
  return isEmpty(fields) ? found[0] && {} : fieldsOf(fields, `its ${kind} ${name}`);
}

function fieldsOf(value: unknown, what: string): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new Error(`${what} is not a set of fields`);
  return value as Fields;
}

function textOf(fields: Fields, name: string): string | undefined {
  const value = fields[name];
  if (isEmpty(value)) return undefined;
  if (typeof value !== 'string') throw new Error(`its field ${name} must be text`);
  return value;
}

function fileOf(fields: Fields, name: string, folder: string): string | undefined {
  const file = textOf(fields, name);
  return file === undefined ? undefined : resolve(folder, file);
}

function isEmpty(value: unknown): boolean {
  return (
    value === undefined ||
    value === null ||
    value === '' ||
    (typeof value === 'object' && Object.keys(value).length === 0)
  );
}
