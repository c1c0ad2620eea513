/** Whether status events are as the OpenAPI document says. Every test that takes events from NATS looks at them through this. */
import { AssertionError } from 'node:assert';
import { CloudEvent, HTTP } from 'cloudevents';
import type { components } from '../../generated/api.ts';
import { inlineReferences, loadContract } from '../../src/http/contract/document.ts';
import type { Schema } from '../../src/http/contract/document.ts';
import { createAjv } from '../../src/http/contract/schema-compiler.ts';

export type StatusEventDocument = components['schemas']['StatusEvent'];

const document = await loadContract();
const ajv = createAjv();
const validate = ajv.compile<StatusEventDocument>(
  inlineReferences(document, document.components!['schemas']!['StatusEvent'] as Schema),
);

/**
 * The event that a message of the content type has as its body.
 *
 * @throws AssertionError that says what is not as the document says, or what a library for CloudEvents does not take
 */
export function readStatusEvent(contentType: string, body: string): StatusEventDocument {
  const fail = (violation: string): never => {
    throw new AssertionError({ message: `${violation}\n${contentType}\n${body}`, stackStartFn: readStatusEvent });
  };
  if (contentType !== 'application/cloudevents+json') fail('is no CloudEvent in structured mode');
  const event: unknown = JSON.parse(body);
  if (!validate(event)) return fail(ajv.errorsText(validate.errors, { dataVar: 'event' }));
  const { status, output_spec: outputs } = event.data;
  if ((status === 'DELETED') !== (outputs === undefined))
    fail('has outputs where it is deleted, or has none where it is');
  const parsed = HTTP.toEvent({ headers: { 'content-type': contentType }, body });
  if (!(parsed instanceof CloudEvent) || !parsed.validate()) fail('cannot be read by a library for CloudEvents');
  return event;
}
