import fc from 'fast-check';
import t from 'tap';

import { InvalidArgumentError } from '../../src/containers/errors.ts';
import { decodePageToken, encodePageToken, findPageTokenViolations } from '../../src/containers/page-token.ts';

const id = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/);

t.test('a token gives back the id that it was made of', (t) => {
  fc.assert(fc.property(id, (lastId) => decodePageToken(encodePageToken(lastId)) === lastId));
  t.end();
});

t.test('an id that another provider made may hold what labels may', (t) => {
  t.equal(decodePageToken(encodePageToken('Web_1.a')), 'Web_1.a');
  t.end();
});

t.test('a token of a filter is one with that filter alone', (t) => {
  fc.assert(
    fc.property(id, fc.string(), fc.option(fc.string(), { nil: undefined }), (lastId, filter, other) => {
      const token = encodePageToken(lastId, filter);
      t.ok(token.length <= 111);
      t.equal(decodePageToken(token, filter), lastId);
      if (other !== filter) t.throws(() => decodePageToken(token, other), InvalidArgumentError);
    }),
  );
  t.throws(() => decodePageToken(encodePageToken('web'), ''), InvalidArgumentError);
  t.end();
});

t.test('a token can stand in a URL as it is', (t) => {
  fc.assert(fc.property(id, (lastId) => encodeURIComponent(encodePageToken(lastId)) === encodePageToken(lastId)));
  t.end();
});

t.test('nothing but what was made as a token parses', (t) => {
  const made = encodePageToken('web-1');
  const token = (text: string) => Buffer.from(text).toString('base64url');
  for (const wrong of [
    '',
    ' ',
    'web-1',
    `${made}=`,
    `${made}A`,
    ` ${made}`,
    token('2:web'),
    token('1:'),
    token('1:-'),
  ]) {
    t.throws(() => decodePageToken(wrong), InvalidArgumentError, JSON.stringify(wrong));
  }
  try {
    decodePageToken('nonsense');
  } catch (error) {
    t.match(error, { violations: [{ parameter: 'page_token', detail: String }] });
  }
  t.end();
});

t.test('any text either parses to what makes it again or is refused', (t) => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      try {
        return encodePageToken(decodePageToken(text)) === text;
      } catch (error) {
        return error instanceof InvalidArgumentError;
      }
    }),
  );
  t.end();
});

t.test('the parameter is judged as it was sent', (t) => {
  for (const fine of [undefined, encodePageToken('web'), ['web'], 5]) t.same(findPageTokenViolations(fine), []);
  const detail = 'must be a next_page_token of an earlier page';
  t.same(findPageTokenViolations('web'), [{ detail, parameter: 'page_token' }]);
  t.end();
});
