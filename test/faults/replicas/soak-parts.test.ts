import t from 'tap';

import { growthOf } from './memory.ts';
import { lateSenders } from './senders.ts';

const rise = (bytes: number) => Array.from({ length: 9 }, (_, index) => 50e6 + index * bytes);
const heaps = (values: readonly number[]) => values.map((heapUsed) => ({ heapUsed, residentMemory: 0 }));

t.test('a heap that rises with each reading grows, one that goes up and down does not', (t) => {
  t.ok(growthOf(heaps(rise(1e6)), 'heapUsed').grows);
  t.notOk(growthOf(heaps(rise(1e5)), 'heapUsed').grows);
  t.notOk(growthOf(heaps([50e6, 54e6, 50e6, 54e6, 50e6, 54e6]), 'heapUsed').grows);
  t.end();
});

const startedAt = 1_000;
const leading = (seconds: number) => ({
  level: 'info',
  msg: 'leading',
  time: new Date(performance.timeOrigin + startedAt + seconds * 1_000).toISOString(),
});
const replicas = [
  { name: 'one', log: [leading(0), leading(20)] },
  { name: 'two', log: [leading(10)] },
];

function received(name: string, seconds: number) {
  const data = { id: 'web', status: 'RUNNING', message: '' };
  return { event: { source: `dcm/providers/${name}`, data }, at: startedAt + seconds * 1_000 } as never;
}

t.test('what a deposed replica sends after its successor is late, what it sends as a leader again is not', (t) => {
  const handedOver = [received('one', 5), received('two', 11), received('one', 21), received('one', 22)];
  t.strictSame(lateSenders(handedOver, replicas), []);
  const late = [received('one', 5), received('two', 11), received('one', 12), received('one', 14), received('two', 15)];
  t.match(lateSenders(late, replicas), [{ source: 'dcm/providers/one', count: 2, spanMs: 2_000 }]);
  t.match(lateSenders([received('one', 21), received('two', 22)], replicas), [
    { source: 'dcm/providers/two', count: 1 },
  ]);
  t.end();
});
