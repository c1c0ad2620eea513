/** The reader of raw answers must not overlook anything: the fuzzing believes it. */
import t from 'tap';
import { parseAnswers } from '../../scripts/fuzz/answers.ts';

const parse = (text: string, mayLackBodies = false) => parseAnswers(Buffer.from(text, 'latin1'), { mayLackBodies });
const answer = 'HTTP/1.1 400 Bad Request\r\nContent-Length: 2\r\n\r\n{}';

t.test('reads answers that follow each other, without interim ones', (t) => {
  const answers = parse(`HTTP/1.1 100 Continue\r\n\r\n${answer}HTTP/1.1 204 No Content\r\n\r\n${answer}`);
  t.strictSame(
    answers.map(({ status, body }) => [status, body]),
    [
      [400, '{}'],
      [204, ''],
      [400, '{}'],
    ],
  );
  t.end();
});

t.test('an answer to HEAD tells a length and has no body', (t) => {
  const head = 'HTTP/1.1 400 Bad Request\r\nContent-Length: 2\r\n\r\n';
  t.equal(parse(head + answer, true).length, 2);
  t.throws(() => parse(head), /0 of 2 bytes/);
  t.end();
});

const malformed = {
  'no status line': 'x\r\n\r\n',
  'another version': answer.replace('1.1', '1.0'),
  'a status out of range': answer.replace('400', '999'),
  'headers that do not end': 'HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n',
  'a space before the colon': answer.replace('Length:', 'Length :'),
  'a line feed alone': answer.replace('Length: 2\r\n', 'Length: 2\nX: y\r\n'),
  'a control character in a header': answer.replace(': 2', ': 2\0'),
  'no length': 'HTTP/1.1 400 Bad Request\r\n\r\n{}',
  'less than it promises': answer.slice(0, -1),
  'more than it promises': `${answer}}`,
};

for (const [name, text] of Object.entries(malformed)) {
  t.test(`${name} is an error`, (t) => {
    t.throws(() => parse(text));
    t.end();
  });
}
