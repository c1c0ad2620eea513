import { CloudEvent, HTTP } from 'cloudevents';
import t from 'tap';
import { createStatusEventEncoder } from '../../src/status/cloud-event.ts';

const event = {
  id: '7f1d1c52-6a5c-4a3e-8a0a-0d3d3c8a6b7e',
  containerId: 'web',
  status: 'RUNNING',
  message: 'Container is running.',
  seenAt: Date.parse('2026-01-21T10:00:00Z'),
} as const;

await t.test('encodes a status as a structured CloudEvent', (t) => {
  const { id, contentType, body } = createStatusEventEncoder('k8s-1.eu_west')(event);
  t.equal(id, event.id);
  t.equal(contentType, 'application/cloudevents+json');
  t.strictSame(JSON.parse(body), {
    specversion: '1.0',
    id: event.id,
    source: 'dcm/providers/k8s-1.eu_west',
    type: 'dcm.status.container',
    subject: 'dcm.container',
    time: '2026-01-21T10:00:00.000Z',
    datacontenttype: 'application/json',
    data: { id: 'web', status: 'RUNNING', message: 'Container is running.' },
  });
  const parsed = HTTP.toEvent({ headers: { 'content-type': contentType }, body });
  t.ok(parsed instanceof CloudEvent && parsed.validate(), 'a CloudEvents library reads it');
  t.end();
});

await t.test('encodes an event the same way each time', (t) => {
  const encode = createStatusEventEncoder('sp');
  t.strictSame(encode(event), encode(event));
  t.end();
});
