/** What is to be heard of a container: the events in their order, without how often a status was told anew. */
import type { StatusCloudEvent } from '../support/events.ts';
import type { ContainerStatus } from '../../src/containers/container.ts';

export interface Step {
  status: ContainerStatus;
  /** Of the last event of the step. */
  message?: RegExp;
  /** It is told by one event, and no other follows while it lasts. */
  once?: boolean;
  /** It may be too short to be told. */
  optional?: boolean;
}

/**
 * Where the events deviate; undefined where they are what is expected, to the last step. Events that follow each other
 * with one status are one step.
 */
export function findDeviation(events: readonly StatusCloudEvent[], steps: readonly Step[]): string | undefined {
  const groups = groupByStatus(events);
  let index = 0;
  for (const step of steps) {
    const group = groups[index];
    if (group?.[0]?.data.status !== step.status) {
      if (step.optional) continue;
      return `there is ${group?.[0]?.data.status ?? 'nothing'} where ${step.status} is expected`;
    }
    const { message } = group.at(-1)!.data;
    if (step.message && !step.message.test(message)) return `${step.status} says ${JSON.stringify(message)}`;
    if (step.once && group.length > 1) return `${step.status} was told ${group.length} times`;
    index += 1;
  }
  const more = groups[index];
  return more && `there is ${more[0]!.data.status} after what is expected`;
}

function groupByStatus(events: readonly StatusCloudEvent[]): StatusCloudEvent[][] {
  const groups: StatusCloudEvent[][] = [];
  for (const event of events) {
    const last = groups.at(-1);
    if (last?.[0]?.data.status === event.data.status) last.push(event);
    else groups.push([event]);
  }
  return groups;
}

/** The events, one a line, for whoever looks into a failure. */
export function describeEvents(events: readonly StatusCloudEvent[]): string {
  return events.map(({ time, data }) => `${time} ${data.status} ${data.message}`).join('\n');
}
