/** What Kubernetes says of a Pod or ReplicaSet that it could not make: a refusal that stands, or a fault that passes. */
import { lasting } from './causes.ts';

/**
 * Faults of Kubernetes itself, or of what it asks: they end by themselves. Some of them come as a refusal: a quota whose use
 * has not been counted yet, a service account that is still being made, a namespace that is going. Policies and names may
 * speak of time-outs too: only the words of errors count.
 */
const passing: readonly RegExp[] = [
  /\bInternal error\b/i,
  /\bfailed (?:calling|to call) webhook\b/,
  /\b(?:timed out|deadline exceeded|connection (?:refused|reset)|no such host|TLS handshake)\b/i,
  /\bi\/o timeout\b|\bClient\.Timeout\b|\bunexpected EOF\b|: EOF$/,
  /\bthe object has been modified\b|\boperation cannot be fulfilled\b/i,
  /\bToo ?Many ?Requests\b|\btoo many requests\b|\brate limit exceeded\b/i,
  /\betcdserver: |\bservice unavailable\b|\bserver is currently unable\b|\bnot yet ready to handle request\b/i,
  /\bstatus unknown for quota\b|\berror looking up service account\b|\bis being terminated\b/,
];

const refusing: readonly RegExp[] = [
  /\bis forbidden\b/,
  /\bis invalid\b/,
  /\bdenied the request\b/,
  /\bexceeded quota\b/,
];

/** Whether it is a refusal of a quota, a policy or a rule. What is neither known as that nor as a fault counts as a fault. */
export function isRefusal(message: string): boolean {
  return !passing.some((fault) => fault.test(message)) && refusing.some((refusal) => refusal.test(message));
}

/**
 * What was said, without the generated name of the Pod or ReplicaSet, what others use of a quota just now, and the order of
 * a list of reasons, which change with every try.
 *
 * @param deploymentName - of the Deployment that they belong to
 */
export function refusalWords(message: string, deploymentName: string): string {
  const generatedName = new RegExp(`${deploymentName.slice(0, 57).replaceAll('.', '\\.')}[a-z0-9-]*-?[a-z0-9]{5}`, 'g');
  return lasting(message)
    .replace(/^(?:pods|replicasets\.apps) "[^"]*" is forbidden: /, '')
    .replace(generatedName, deploymentName)
    .replace(/, used: .*?(?=, limited: )/gs, '')
    .replace(/(?<=denied the request: )(?:\[[^\n]*(?:\n|$)){2,}$/, (list) => list.split('\n').sort().join('\n'))
    .replace(/^\[(.*)\]$/s, (_list, reasons: string) => `[${sorted(reasons)}]`);
}

/** The reasons of a LimitRange: each begins with the bound that it is about. */
function sorted(reasons: string): string {
  return reasons
    .split(/, (?=(?:minimum|maximum) |[a-z-]+ max limit)/)
    .sort()
    .join(', ');
}
