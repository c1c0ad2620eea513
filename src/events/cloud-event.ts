/** What a status event says: a CloudEvent in structured JSON. How it travels is the publisher's business. */
import { CloudEvent } from 'cloudevents';
import { isDeepStrictEqual } from 'node:util';
import type { components } from '../../generated/api.ts';
import type { ContainerEndpoint, ContainerStatus } from '../containers/container.ts';
import type { EventMessage } from './publisher.ts';

/** The subject of the broker that all status events go to; the events repeat it. */
export const statusSubject = 'dcm.container';

type EventData = components['schemas']['StatusEventData'];

export interface StatusChange {
  containerId: string;
  status: ContainerStatus;
  message: string;
  /** Where the container can be reached; empty for one that is deleted. */
  endpoints: readonly ContainerEndpoint[];
  /** The uid of the Deployment that had this status, or of the one that is gone; no part of the event. */
  deploymentUid?: string;
}

export interface StatusEvent extends StatusChange {
  /** Unique among the events of this provider; a UUID. */
  id: string;
  /** When the provider saw this status, in milliseconds since the epoch. */
  seenAt: number;
}

/** Whether the events of both have the same data, so that the second need not be sent. */
export function isSameChange(one: StatusChange, other: StatusChange): boolean {
  return (
    one.status === other.status && one.message === other.message && isDeepStrictEqual(one.endpoints, other.endpoints)
  );
}

export interface EncoderOptions {
  /** Letters, digits, `.`, `_` and `-`: it becomes part of a URI reference. */
  providerName: string;
  /** Of the containers. */
  namespace: string;
}

/** The encoder of one provider's events. */
export function createStatusEventEncoder(options: EncoderOptions): (event: StatusEvent) => EventMessage {
  return (event) => ({
    id: event.id,
    contentType: 'application/cloudevents+json',
    body: JSON.stringify(buildStatusEvent(event, options)),
  });
}

/** Not checked against the specification each time: events differ in nothing that it says, and the check is most of the cost. */
function buildStatusEvent(event: StatusEvent, { providerName, namespace }: EncoderOptions): CloudEvent<EventData> {
  const attributes = {
    id: event.id,
    source: `dcm/providers/${providerName}`,
    type: 'dcm.status.container',
    subject: statusSubject,
    time: new Date(event.seenAt).toISOString(),
    datacontenttype: 'application/json',
    data: buildData(event, namespace),
  };
  return new CloudEvent(attributes, false);
}

/** Consumers merge `output_spec` member by member, and take `null` as the end of a member. */
function buildData({ containerId: id, status, message, endpoints }: StatusEvent, namespace: string): EventData {
  if (status === 'DELETED') return { id, status, message };
  return { id, status, message, output_spec: { namespace, endpoints: endpoints.length > 0 ? [...endpoints] : null } };
}
