/** What the key-value bucket of the replicas remembers. */
import { connect } from 'nats';

import { eventually } from '../../support/kubernetes.ts';
import { bucketName } from './replicas.ts';
import type { Replicas } from './replicas.ts';

const patienceMs = 120_000;

/** The ids that the bucket has a key of, with the uid of the namespace. */
export async function keysOf({ system }: Pick<Replicas, 'system'>): Promise<Map<string, string>> {
  const connection = await connect({ servers: system.natsUrl });
  try {
    const { streams } = await connection.jetstreamManager();
    const stream = `KV_${bucketName}`;
    const prefix = `$KV.${bucketName}.${system.cluster.namespace}/.`;
    const { state } = await streams.info(stream, { subjects_filter: `${prefix}>` });
    const keys = new Map<string, string>();
    for (const subject of Object.keys(state.subjects ?? {})) {
      const message = await streams.getMessage(stream, { last_by_subj: subject }).catch(() => undefined);
      if (message)
        keys.set(subject.slice(prefix.length).replace(/^[^.]*\./, ''), message.json<{ namespace: string }>().namespace);
    }
    return keys;
  } finally {
    await connection.close();
  }
}

/** Waits until the bucket has a key of each of them and of nothing else. */
export async function keysAre(replicas: Pick<Replicas, 'system'>, ids: () => Promise<string[]>): Promise<void> {
  await eventually(
    async () => [[...(await keysOf(replicas)).keys()].sort(), (await ids()).sort()],
    ([keys, existing]) => JSON.stringify(keys) === JSON.stringify(existing),
    patienceMs,
  );
}
