/** One create with an idempotency key, and what a client does whose create was cut off. */
import { setTimeout as delay } from 'node:timers/promises';
import { withPorts } from './base-spec.ts';
import type { ProviderProcess } from './provider.ts';

const request = {
  params: { query: { id: 'keyed' }, header: { 'Idempotency-Key': 'order-7' } },
  body: { spec: withPorts({ 8080: 'external' }) },
};

/** Rejects when the provider ends before it has answered. */
export function createKeyed({ client }: Pick<ProviderProcess, 'client'>) {
  return client.POST('/containers', request);
}

/** Long enough for a container to be older than any create can last. */
const patienceMs = 180_000;

/** Sends the same again while it is answered 503; resolves to the first other answer. */
export async function createKeyedUntilMade(provider: Pick<ProviderProcess, 'client'>) {
  const until = performance.now() + patienceMs;
  for (;;) {
    const answer = await createKeyed(provider);
    if (answer.response.status !== 503 || performance.now() > until) return answer;
    await delay(Number(answer.response.headers.get('retry-after')) * 1_000);
  }
}
