import t from 'tap';
import { readStatusEvent } from '../../scripts/contract/event-conformance.ts';
import { createStatusEventEncoder, isSameChange } from '../../src/events/cloud-event.ts';
import type { StatusChange, StatusEvent } from '../../src/events/cloud-event.ts';

const event: StatusEvent = {
  id: '7f1d1c52-6a5c-4a3e-8a0a-0d3d3c8a6b7e',
  containerId: 'web',
  status: 'RUNNING',
  message: 'Container is running.',
  endpoints: [{ address: '10.96.45.12', port: 8080, scope: 'internal' }],
  seenAt: Date.parse('2026-01-21T10:00:00Z'),
};

await t.test('encodes a status as a structured CloudEvent', (t) => {
  const { id, contentType, body } = createStatusEventEncoder({
    providerName: 'k8s-1.eu_west',
    namespace: 'containers',
  })(event);
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
    data: {
      id: 'web',
      status: 'RUNNING',
      message: 'Container is running.',
      output_spec: {
        namespace: 'containers',
        endpoints: [{ address: '10.96.45.12', port: 8080, scope: 'internal' }],
      },
    },
  });
  t.strictSame(readStatusEvent(contentType, body), JSON.parse(body), 'a CloudEvents library reads it');
  t.end();
});

await t.test('encodes an event the same way each time', (t) => {
  const encode = createStatusEventEncoder({ providerName: 'sp', namespace: 'containers' });
  t.strictSame(encode(event), encode(event));
  t.end();
});

await t.test('says null where there are no endpoints, and nothing of outputs once it is deleted', (t) => {
  const encode = createStatusEventEncoder({ providerName: 'sp', namespace: 'containers' });
  const dataOf = (changes: Partial<StatusEvent>) => {
    const { contentType, body } = encode({ ...event, ...changes });
    return readStatusEvent(contentType, body).data;
  };
  t.strictSame(dataOf({ endpoints: [] }).output_spec, { namespace: 'containers', endpoints: null });
  t.strictSame(dataOf({ status: 'DELETED', message: 'Container was deleted.', endpoints: [] }), {
    id: 'web',
    status: 'DELETED',
    message: 'Container was deleted.',
  });
  t.end();
});

for (const [what, changes, isSame] of [
  ['equal endpoints in another array', { endpoints: structuredClone(event.endpoints) }, true],
  ['another Deployment, which is no part of the event', { deploymentUid: 'other' }, true],
  ['another status', { status: 'FAILED' }, false],
  ['another message', { message: 'Container is not ready.' }, false],
  ['no endpoints', { endpoints: [] }, false],
  ['another address', { endpoints: [{ ...event.endpoints[0]!, address: '10.96.45.13' }] }, false],
  ['another port', { endpoints: [{ ...event.endpoints[0]!, port: 8081 }] }, false],
  ['another scope', { endpoints: [{ ...event.endpoints[0]!, scope: 'external' }] }, false],
  ['one endpoint more', { endpoints: [...event.endpoints, ...event.endpoints] }, false],
] satisfies [string, Partial<StatusChange>, boolean][]) {
  await t.test(`${isSame ? 'is no change' : 'is a change'}: ${what}`, (t) => {
    t.equal(isSameChange(event, { ...event, ...changes }), isSame);
    t.end();
  });
}
