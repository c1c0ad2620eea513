/** The name of the Lease where none is configured: made from the provider's, by the rules of Kubernetes for names. */
import { createHash } from 'node:crypto';

const maxLength = 253;
const hashLength = 10;

/** Whether Kubernetes takes it for the name of an object (RFC 1123, a subdomain). */
export function isObjectName(name: string): boolean {
  return name.length <= maxLength && /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/.test(name);
}

/**
 * `dcm-provider-` and the provider's name, the same for all replicas. A name that had to be altered has a hash at its end,
 * so that two providers don't come to share a Lease.
 */
export function defaultLeaseName(providerName: string): string {
  const wanted = `dcm-provider-${providerName}`;
  if (isObjectName(wanted)) return wanted;
  const hash = createHash('sha256').update(providerName).digest('hex').slice(0, hashLength);
  const altered = wanted
    .toLowerCase()
    .replaceAll(/[^-a-z0-9.]/g, '-')
    .replaceAll(/(?<![a-z0-9])\.|\.(?![a-z0-9])/g, '-');
  return `${altered.slice(0, maxLength - hashLength - 1).replace(/\.$/, '-')}-${hash}`;
}
