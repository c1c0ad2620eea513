/** Objects of the reference provider, complete enough to be put into the sandbox's store past HTTP. */
import { randomBytes } from 'node:crypto';

import { referenceDeployment, referenceService } from './reference-container.ts';

interface StorableObject {
  apiVersion: string;
  kind: string;
  metadata: { name: string; namespace: string };
}

/** With the port 8080, and a name that tests can know. */
export function legacyDeployment(id: string, namespace: string): StorableObject {
  return storable('apps/v1', 'Deployment', referenceDeployment(id, [8080]), namespace);
}

export function legacyService(id: string, namespace: string): StorableObject {
  return storable('v1', 'Service', referenceService(id, [8080]), namespace);
}

function storable(apiVersion: string, kind: string, object: object, namespace: string): StorableObject {
  const { metadata } = object as { metadata: object };
  const name = `legacy-${randomBytes(4).toString('hex')}`;
  return { ...object, apiVersion, kind, metadata: { ...metadata, name, namespace } };
}
