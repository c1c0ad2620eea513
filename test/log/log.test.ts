import t from 'tap';

import { UnavailableError } from '../../src/containers/errors.ts';
import { describeError } from '../../src/log/log.ts';

t.test('shows type, message, code, causes and where it was', (t) => {
  const cause = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
  const shown = describeError(new TypeError('fetch failed', { cause }));
  t.match(shown, { type: 'TypeError', message: 'fetch failed', cause: { code: 'ECONNREFUSED' } });
  t.match(shown.stack, /log\.test\.ts/);
  t.notMatch(shown.stack, 'fetch failed');
  t.end();
});

t.test('leaves out where it was of what is expected, and of its causes', (t) => {
  const cause = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
  t.strictSame(describeError(new UnavailableError('The cluster is away.', 5, { cause })), {
    type: 'UnavailableError',
    message: 'The cluster is away.',
    cause: { type: 'Error', message: 'connect ECONNREFUSED', code: 'ECONNREFUSED' },
  });
  t.end();
});

t.test('leaves out bodies and headers, and the message that repeats them', (t) => {
  const error = Object.assign(new Error('HTTP-Code: 404\nBody: secret\nHeaders: {"authorization":"secret"}'), {
    code: 404,
    body: 'secret',
    headers: { authorization: 'secret' },
  });
  const shown = describeError(new Error('the call failed', { cause: error }));
  t.match(shown.cause, { message: 'HTTP-Code: 404', code: 404 });
  t.notMatch(JSON.stringify(shown), 'secret');
  t.end();
});

t.test('leaves out the credentials of URLs', (t) => {
  t.equal(describeError(new Error('cannot reach nats://user:pass@host:4222')).message, 'cannot reach nats://host:4222');
  t.end();
});

t.test('is bounded, in length and in depth', (t) => {
  const loop = new Error('x'.repeat(1_000_000));
  loop.cause = loop;
  t.ok(JSON.stringify(describeError(loop)).length < 30_000);
  t.end();
});

t.test('shows what is no error at all', (t) => {
  t.strictSame(describeError('oops'), { type: 'string', message: 'oops' });
  t.strictSame(describeError(undefined), { type: 'undefined', message: 'undefined' });
  t.end();
});
