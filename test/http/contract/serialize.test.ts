import t from 'tap';
import type { Container } from '../../../src/containers/container.ts';
import { serialize } from '../../../src/http/contract/serialize.ts';
import { containerSpec } from '../../support/http.ts';

function container(id: string): Container {
  const time = '2026-01-21T10:00:00Z';
  const spec = containerSpec({ metadata: { name: 'é"\u2028\ud800', labels: { a: '' } } });
  return {
    id,
    path: `containers/${id}`,
    status: 'RUNNING',
    reconciling: false,
    create_time: time,
    update_time: time,
    spec,
  };
}

const [one, two] = [container('one'), container('two')];

const bodies: Record<string, object> = {
  'a container': one,
  'a list': { containers: [one, two] },
  'a list that goes on': { containers: [two, one], next_page_token: 'x"y' },
  'a list of none': { containers: [] },
  'anything else': { status: 'healthy', uptime: 1 },
};

for (const [name, body] of Object.entries(bodies)) {
  t.test(`writes ${name} as JSON.stringify does, at the first time and later`, (t) => {
    t.equal(serialize(body), JSON.stringify(body));
    t.equal(serialize(body), JSON.stringify(body));
    t.end();
  });
}

t.test('writes a container that has changed, and so is another object, anew', (t) => {
  serialize(one);
  t.match(serialize({ ...one, status: 'FAILED' }), /"status":"FAILED"/);
  t.end();
});
