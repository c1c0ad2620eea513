/** Names of what the provider makes in the cluster. */
import { randomInt } from 'node:crypto';

/** Without vowels, so that no words appear, and without digits that look like letters. */
const alphabet = 'bcdfghjklmnpqrstvwxz2456789';
const incarnationLength = 10;
/** A Service's name is a DNS label. */
const maxServiceNameLength = 63;

/** The one name that a container's Deployment has: the API server itself refuses the second. At most 67 characters. */
export function deploymentName(id: string): string {
  return `dcm-${id}`;
}

/** A value that no other creation of the id has. */
export function randomIncarnation(): string {
  return Array.from({ length: incarnationLength }, () => alphabet[randomInt(alphabet.length)]).join('');
}

/** The same from whoever makes the Service of this incarnation: two replicas cannot make two. */
export function serviceName(id: string, incarnation: string): string {
  const room = maxServiceNameLength - 'dcm-'.length - '-'.length - incarnation.length;
  return `dcm-${id.slice(0, room)}-${incarnation}`;
}
