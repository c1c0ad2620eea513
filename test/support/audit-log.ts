/** Who wrote what, by the API server's own audit log: of everybody but the controllers. */
import { createReadStream } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

/** A write that the API server has answered, whatever the answer was. */
export interface Write {
  /** When the request came in, in milliseconds since the epoch. */
  at: number;
  /** The address that it came from. */
  from: string;
  verb: string;
  /** Plural name, with the subresource where there is one. */
  resource: string;
  /** Absent for what is in none. */
  namespace?: string;
  name: string;
  /** Status code of the answer. */
  code: number;
  /** The object that was sent; absent where none was. */
  object?: unknown;
}

export interface AuditLog extends AsyncDisposable {
  /** What makes an API server write it. */
  apiServerFlags: string[];
  /** The writes so far, in the order in which they were answered. */
  readWrites(): Promise<Write[]>;
}

/** The server's files are rotated past this, in megabytes: more than any test writes. */
const maxMegabytes = 10_000;

const policy = {
  apiVersion: 'audit.k8s.io/v1',
  kind: 'Policy',
  omitStages: ['RequestReceived', 'ResponseStarted'],
  rules: [
    { level: 'None', userGroups: ['system:serviceaccounts:kube-system'] },
    { level: 'None', verbs: ['get', 'list', 'watch'] },
    { level: 'Request' },
  ],
};

export async function createAuditLog(): Promise<AuditLog> {
  const folder = await mkdtemp(join(tmpdir(), 'audit-'));
  const policyFile = join(folder, 'policy.json');
  const logFile = join(folder, 'audit.log');
  await writeFile(policyFile, JSON.stringify(policy));
  return {
    apiServerFlags: [
      `--audit-policy-file=${policyFile}`,
      `--audit-log-path=${logFile}`,
      `--audit-log-maxsize=${maxMegabytes}`,
    ],
    readWrites: async () => {
      const writes: Write[] = [];
      for await (const line of createInterface({ input: createReadStream(logFile) })) {
        if (line !== '') writes.push(writeOf(JSON.parse(line) as AuditEvent));
      }
      return writes;
    },
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}

/** audit.k8s.io/v1 Event, as far as it is read. */
interface AuditEvent {
  requestURI: string;
  verb: string;
  sourceIPs?: string[];
  objectRef?: { resource: string; subresource?: string; namespace?: string; name?: string };
  responseStatus?: { code: number };
  requestObject?: { metadata?: { name?: string } };
  requestReceivedTimestamp: string;
}

function writeOf(event: AuditEvent): Write {
  const { requestURI, verb, sourceIPs, objectRef, responseStatus, requestObject, requestReceivedTimestamp } = event;
  const { resource = requestURI, subresource, namespace, name } = objectRef ?? {};
  return {
    at: Date.parse(requestReceivedTimestamp),
    from: sourceIPs?.[0] ?? '',
    verb,
    resource: subresource === undefined ? resource : `${resource}/${subresource}`,
    ...(namespace !== undefined && { namespace }),
    name: name ?? requestObject?.metadata?.name ?? '',
    code: responseStatus?.code ?? 0,
    ...(requestObject && { object: requestObject }),
  };
}
