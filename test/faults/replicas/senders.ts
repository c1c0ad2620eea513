/** Who sent which events, and whether two replicas ever did so at once. */
import type { ReceivedEvent } from '../../support/events.ts';
import type { LogLine } from '../../support/log-lines.ts';

/** A time for which a replica led, as its own log tells. */
interface Term {
  source: string;
  /** In milliseconds since the epoch. */
  startedAt: number;
}

/** What came from a replica after the first event of one that began to lead later. */
export interface LateSender {
  source: string;
  count: number;
  /** From the first of them to the last. */
  spanMs: number;
}

/**
 * What may still come of a sender that was frozen: its connection had it in memory, and the socket did not yet. That is no
 * more than one turn of the event loop hands over.
 */
export const underWay = { events: 25, spanMs: 1_000 };

/**
 * @param received - all events, in the order in which they came
 * @returns one entry for each term in which events came late, in the order of the terms
 */
export function lateSenders(
  received: readonly ReceivedEvent[],
  replicas: readonly { name: string; log: readonly LogLine[] }[],
): LateSender[] {
  const terms = replicas.flatMap(termsOf).sort((a, b) => a.startedAt - b.startedAt);
  const late = new Map<number, number[]>();
  let newest = -1;
  for (const { event, at } of received) {
    const receivedAt = performance.timeOrigin + at;
    const term = terms.findLastIndex(({ source, startedAt }) => source === event.source && startedAt <= receivedAt);
    if (term < newest) late.set(term, [...(late.get(term) ?? []), at]);
    newest = Math.max(newest, term);
  }
  return [...late].map(([term, times]) => ({
    source: terms[term]?.source ?? 'a replica that never led',
    count: times.length,
    spanMs: times.at(-1)! - times[0]!,
  }));
}

function termsOf({ name, log }: { name: string; log: readonly LogLine[] }): Term[] {
  return log
    .filter(({ msg }) => msg === 'leading')
    .map(({ time }) => ({ source: `dcm/providers/${name}`, startedAt: Date.parse(time) }));
}
