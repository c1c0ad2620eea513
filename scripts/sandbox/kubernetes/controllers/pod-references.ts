/** The Secrets and ConfigMaps that a Pod refers to, and which of them its namespace lacks. Pure. */
import type { V1Container } from '@kubernetes/client-node';
import type { Pod, Wire } from '../objects.ts';

/** Asks the namespace of the Pod. */
export type HasObject = (kind: 'secret' | 'configmap', name: string) => boolean;

/** As a kubelet says it: `secret "keys"`; absent where nothing is missing. */
export interface MissingReferences {
  /** Keeps the Pod from being begun. */
  volume?: string;
  /** Keeps the container from being made. */
  environment?: string;
  /** The Pod has no Secret that is there to pull its images with. */
  pullSecret?: boolean;
}

interface Reference {
  kind: 'secret' | 'configmap';
  name: string | undefined;
  optional: boolean | undefined;
}

export function findMissingReferences({ spec }: Pod, has: HasObject): MissingReferences {
  const firstMissing = (references: readonly Reference[]): string | undefined => {
    const lacking = references.find(({ kind, name = '', optional }) => optional !== true && !has(kind, name));
    return lacking && `${lacking.kind} "${lacking.name}"`;
  };
  const volume = firstMissing(volumeReferences(spec));
  const environment = firstMissing(spec.containers.flatMap(environmentReferences));
  return {
    ...(volume !== undefined && { volume }),
    ...(environment !== undefined && { environment }),
    pullSecret: !(spec.imagePullSecrets ?? []).some(({ name = '' }) => has('secret', name)),
  };
}

/** Whether variables of the container come from Secrets or ConfigMaps. */
export function takesEnvironment(container: Wire<V1Container>): boolean {
  return environmentReferences(container).length > 0;
}

function volumeReferences({ volumes = [] }: Pod['spec']): Reference[] {
  return volumes.flatMap(({ secret, configMap }) => [
    ...(secret ? [{ kind: 'secret' as const, name: secret.secretName, optional: secret.optional }] : []),
    ...(configMap ? [{ kind: 'configmap' as const, name: configMap.name, optional: configMap.optional }] : []),
  ]);
}

function environmentReferences({ env = [], envFrom = [] }: Wire<V1Container>): Reference[] {
  return [
    ...envFrom.map(({ secretRef, configMapRef }) => ({ secret: secretRef, configMap: configMapRef })),
    ...env.map(({ valueFrom }) => ({ secret: valueFrom?.secretKeyRef, configMap: valueFrom?.configMapKeyRef })),
  ].flatMap(({ secret, configMap }) => [
    ...(secret ? [{ kind: 'secret' as const, name: secret.name, optional: secret.optional }] : []),
    ...(configMap ? [{ kind: 'configmap' as const, name: configMap.name, optional: configMap.optional }] : []),
  ]);
}
