import t from 'tap';

import type { Container } from '../../src/containers/container.ts';
import { entityTagOf } from '../../src/containers/entity-tag.ts';
import { containerSpec } from '../support/base-spec.ts';

function container(changes: Partial<Container> = {}): Container {
  const time = '2026-01-21T10:00:00.000Z';
  return {
    id: 'web-1',
    path: 'containers/web-1',
    status: 'PENDING',
    reconciling: true,
    create_time: time,
    update_time: time,
    spec: containerSpec(),
    ...changes,
  };
}

t.test('the entity tag of a container', (t) => {
  const tag = entityTagOf(container());
  t.match(tag, /^"[\w-]{22}"$/, 'is a strong one');

  t.test('stays while the container starts', (t) => {
    const spec = containerSpec({ network: { ip: '10.244.0.7' } });
    const started = container({ status: 'RUNNING', reconciling: false, update_time: '2026-01-21T10:00:09.000Z', spec });
    t.equal(entityTagOf(started), tag);
    t.end();
  });

  t.test('changes with what was asked for, environment values and numbers as they were written included', (t) => {
    const env = (value: string) => containerSpec({ process: { env: [{ name: 'A', value }] } });
    const number = (text: string) => containerSpec({ kept: JSON.rawJSON(text) });
    const specs = [env('1'), env('2'), number('1'), number('1.0')];
    const tags = new Set([tag, ...specs.map((spec) => entityTagOf(container({ spec })))]);
    t.equal(tags.size, 1 + specs.length);
    t.end();
  });

  t.test('is another one for a container that is made anew', (t) => {
    t.not(entityTagOf(container({ create_time: '2026-01-21T10:00:01.000Z' })), tag);
    t.end();
  });
  t.end();
});
