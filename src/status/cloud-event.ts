/** What a status event says: a CloudEvent in structured JSON. How it travels is the publisher's business. */
import { CloudEvent } from 'cloudevents';
import type { ContainerStatus } from '../containers/container.ts';
import type { EventMessage } from './publisher.ts';

/** The subject of the broker that all status events go to; the events repeat it. */
export const statusSubject = 'dcm.container';

export interface StatusChange {
  containerId: string;
  status: ContainerStatus;
  message: string;
}

export interface StatusEvent extends StatusChange {
  /** Unique among the events of this provider; a UUID. */
  id: string;
  /** When the provider saw this status, in milliseconds since the epoch. */
  seenAt: number;
}

/**
 * The encoder of one provider's events.
 *
 * @param providerName - letters, digits, `.`, `_` and `-`: it becomes part of a URI reference
 */
export function createStatusEventEncoder(providerName: string): (event: StatusEvent) => EventMessage {
  const source = `dcm/providers/${providerName}`;
  return (event) => ({
    id: event.id,
    contentType: 'application/cloudevents+json',
    body: JSON.stringify(buildStatusEvent(event, source)),
  });
}

/** Not checked against the specification each time: events differ in nothing that it says, and the check is most of the cost. */
function buildStatusEvent(event: StatusEvent, source: string): CloudEvent<unknown> {
  const attributes = {
    id: event.id,
    source,
    type: 'dcm.status.container',
    subject: statusSubject,
    time: new Date(event.seenAt).toISOString(),
    datacontenttype: 'application/json',
    data: { id: event.containerId, status: event.status, message: event.message },
  };
  return new CloudEvent(attributes, false);
}
