/** From a source to a publisher, as the service puts it together. */
import { createDelivery } from '../../src/events/status-events.ts';

type Options = Parameters<typeof createDelivery>[0];
type Usual = 'providerName' | 'namespace' | 'debounceMs' | 'resyncPeriodMs';

/** Windows of half a second, resyncs each ten minutes, unless the options say otherwise. */
export function deliveryOf(options: Omit<Options, Usual> & Partial<Pick<Options, Usual>>) {
  const usual = { providerName: 'sp', namespace: 'containers', debounceMs: 500, resyncPeriodMs: 600_000 };
  return createDelivery({ ...usual, ...options });
}
