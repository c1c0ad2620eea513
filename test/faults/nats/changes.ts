/** Containers that come and go without a break, each by a client of its own. */
import type { Client } from '../../../generated/client.ts';
import { createContainer, deleteContainer } from '../../support/containers.ts';
import { eventually } from '../../support/kubernetes.ts';

export interface Changes {
  /** Waits until that many more creates and deletes were answered; rejects when one was refused. */
  more(count: number): Promise<void>;
  /** Lets each client finish what it is at; rejects when any create or delete was refused. */
  stop(): Promise<void>;
}

/** @param clients - how many change containers at a time */
export function changeContainers(client: Client, clients: number): Changes {
  const ended = new AbortController();
  let answered = 0;
  const run = async (id: string): Promise<void> => {
    while (!ended.signal.aborted) {
      await createContainer(client, id);
      answered++;
      if (Math.random() < 0.3) return;
      await deleteContainer(client, id);
      answered++;
    }
  };
  const worker = async (name: string): Promise<void> => {
    for (let round = 0; !ended.signal.aborted; round++) await run(`${name}-${round}`);
  };
  const all = Promise.all(Array.from({ length: clients }, (_, index) => worker(`changing-${index}`)));
  all.catch(() => ended.abort());
  return {
    async more(count) {
      const wanted = answered + count;
      await eventually(
        () => answered,
        (now) => now >= wanted || ended.signal.aborted,
        60_000,
      );
      if (ended.signal.aborted) await all;
    },
    async stop() {
      ended.abort();
      await all;
    },
  };
}
