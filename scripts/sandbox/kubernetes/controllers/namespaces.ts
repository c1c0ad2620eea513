/** Empties namespaces that are being deleted, and gives new ones their service account. */
import type { KubernetesObject } from '../objects.ts';
import { allResources, namespaces, serviceAccounts } from '../resources.ts';
import { keyOfMetadata, newQueue, type ControllerContext } from './context.ts';

export function startNamespaceController(context: ControllerContext): void {
  const { store } = context.registry;
  const queue = newQueue(context, ({ name }) => {
    const namespace = store.get(namespaces, '', name)?.object;
    if (namespace?.metadata.deletionTimestamp !== undefined) empty(context, namespace);
    else if (namespace && !store.get(serviceAccounts, name, 'default')) {
      context.registry.create(serviceAccounts, name, { metadata: { name: 'default' } });
    }
  });
  store.listen(namespaces, ({ type, version }) => {
    if (type !== 'DELETED') queue.add(keyOfMetadata(version.object));
  });
  for (const resource of allResources) {
    if (!resource.namespaced) continue;
    store.listen(resource, ({ type, version }) => {
      const name = version.object.metadata.namespace ?? '';
      if (type !== 'DELETED') return;
      if (store.get(namespaces, '', name)?.object.metadata.deletionTimestamp !== undefined)
        queue.add({ namespace: '', name });
    });
  }
}

function empty({ registry }: ControllerContext, namespace: KubernetesObject): void {
  const { name } = namespace.metadata;
  let left = 0;
  for (const resource of allResources) {
    if (!resource.namespaced) continue;
    for (const { object } of [...registry.store.versions(resource, name)]) {
      if (object.metadata.deletionTimestamp !== undefined) continue;
      registry.delete(resource, name, object.metadata.name);
    }
    left += registry.store.count(resource, name);
  }
  if (left === 0) registry.store.remove(namespaces, '', name);
}
