import t from 'tap';
import type { StatusCloudEvent } from '../support/events.ts';
import { findDeviation } from './steps.ts';
import type { Step } from './steps.ts';

/** Each as `STATUS message`. */
function told(...lines: string[]): StatusCloudEvent[] {
  return lines.map((line) => {
    const [status, ...message] = line.split(' ');
    return { data: { id: 'app', status, message: message.join(' ') } } as StatusCloudEvent;
  });
}

const loop: Step[] = [
  { status: 'PENDING' },
  { status: 'RUNNING', optional: true },
  { status: 'FAILED', message: /exit code 1/, once: true },
];

t.test('events are what is expected, however often a status is told, and without what is too short', (t) => {
  t.equal(findDeviation(told('PENDING a', 'PENDING b', 'RUNNING', 'FAILED exit code 1'), loop), undefined);
  t.equal(findDeviation(told('PENDING a', 'FAILED exit code 1'), loop), undefined);
  t.equal(findDeviation([], []), undefined);
  t.end();
});

t.test('events that deviate are told', (t) => {
  const cases: [events: string[], deviation: string][] = [
    [[], 'there is nothing where PENDING is expected'],
    [['PENDING'], 'there is nothing where FAILED is expected'],
    [['PENDING', 'FAILED exit code 2'], 'FAILED says "exit code 2"'],
    [['PENDING', 'FAILED exit code 1', 'FAILED exit code 1'], 'FAILED was told 2 times'],
    [['PENDING', 'FAILED exit code 1', 'RUNNING'], 'there is RUNNING after what is expected'],
    [['RUNNING', 'FAILED exit code 1'], 'there is RUNNING where PENDING is expected'],
  ];
  for (const [events, deviation] of cases) t.equal(findDeviation(told(...events), loop), deviation);
  t.end();
});
