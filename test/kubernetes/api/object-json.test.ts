/** Of objects everything is read but who owns which field. */
import t from 'tap';

import { parseObjects } from '../../../src/kubernetes/api/object-json.ts';

const managedFields = [
  {
    manager: 'a]},"spec":',
    operation: 'Update',
    fieldsV1: { 'f:spec': { 'f:containers': { 'k:{"name":"web"}': { '.': {}, 'v:"]},"': {} } } } },
  },
  { manager: 'b', fieldsV1: { 'f:metadata': {} } },
];
const annotations = { odd: ',"managedFields":[1]},"spec":', 'comma,': '"managedFields":[' };

/** As API servers order its members. */
function object(name: string, withFields: boolean): object {
  const metadata = { name, labels: { a: 'b' }, annotations, ...(withFields && { managedFields }) };
  return { kind: 'Deployment', metadata, spec: { template: { metadata: { labels: {} }, spec: {} } }, status: {} };
}

t.test('an object is as it was, without its managed fields', (t) => {
  t.same(parseObjects(JSON.stringify(object('a', true))), object('a', false));
  t.same(parseObjects(JSON.stringify(object('a', false))), object('a', false));
  const line = (withFields: boolean) => ({ type: 'ADDED', object: object('a', withFields) });
  t.same(parseObjects(JSON.stringify(line(true))), line(false));
  t.end();
});

t.test('so are those of a list, whether or not all have some', (t) => {
  const list = (...fields: boolean[]) => ({ items: fields.map((withFields, index) => object(`${index}`, withFields)) });
  t.same(parseObjects(JSON.stringify(list(true, false, true))), list(false, false, false));
  t.same(parseObjects(JSON.stringify(list(false, true, true))), list(false, false, false));
  t.end();
});

t.test('what has no spec after them is read whole', (t) => {
  const namespace = { metadata: { name: 'a', managedFields }, status: {} };
  t.same(parseObjects(JSON.stringify(namespace)), namespace);
  const mixed = { items: [namespace, object('b', true)] };
  t.same(parseObjects(JSON.stringify(mixed)), mixed);
  t.same(parseObjects('[1]'), [1]);
  t.throws(() => parseObjects('{"metadata":{"a":1,"managedFields":[{}]},"spec":{}'), SyntaxError);
  t.end();
});
