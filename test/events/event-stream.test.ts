import t from 'tap';
import { confirmationFor } from '../../src/events/event-stream.ts';
import type { Confirmation, StreamAnswer } from '../../src/events/event-stream.ts';

const stream: StreamAnswer = { kind: 'stream', name: 'events', acknowledges: true };
const silentStream: StreamAnswer = { kind: 'stream', name: 'events', acknowledges: false };
const unclear: StreamAnswer = { kind: 'unclear', err: new Error('timeout') };
const byStream: Confirmation = { by: 'stream', stream: 'events' };
const byRoundTrip: Confirmation = { by: 'round trip' };

for (const [sentence, answer, { never, once }] of [
  ['a stream that captures the subject confirms', stream, { never: byStream, once: byStream }],
  ['a stream that does not acknowledge counts as none', silentStream, { never: byRoundTrip, once: byRoundTrip }],
  [
    'an explicit answer that there is none is believed',
    { kind: 'no stream' },
    { never: byRoundTrip, once: byRoundTrip },
  ],
  [
    'no JetStream is believed until a stream was known',
    { kind: 'no JetStream' },
    { never: byRoundTrip, once: undefined },
  ],
  ['so is not being permitted to ask', { kind: 'not permitted' }, { never: byRoundTrip, once: undefined }],
  ['while the answer is unclear nothing confirms', unclear, { never: undefined, once: undefined }],
] as [string, StreamAnswer, { never: Confirmation; once: Confirmation }][]) {
  await t.test(sentence, (t) => {
    t.strictSame(confirmationFor(answer, false), never, 'where no stream was ever known');
    t.strictSame(confirmationFor(answer, true), once, 'where one was');
    t.end();
  });
}
