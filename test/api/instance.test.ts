/** The `instance` of a problem document, whatever was asked for. */
import fc from 'fast-check';
import t from 'tap';
import { problemAnswer, RequestError } from '../../src/http/contract/problem.ts';
import { createAjv } from '../../src/http/contract/schema-compiler.ts';

const isUriReference = createAjv().compile({ type: 'string', format: 'uri-reference' });

function instanceOf(target: string): string | undefined {
  return problemAnswer(new RequestError(400, 'no'), target, 'names').problem.instance;
}

t.test('escapes what no URI reference has', (t) => {
  t.equal(instanceOf('/a[b]c'), '/a%5Bb%5Dc');
  t.equal(instanceOf('/a#b#c'), '/a%23b%23c');
  t.equal(instanceOf('/a%zz'), '/a%25zz');
  t.end();
});

t.test('does not take the first segment of a path for a host', (t) => {
  t.equal(instanceOf('//a:b/c'), '/.//a:b/c');
  t.end();
});

t.test('leaves out what is neither a path nor a URI', (t) => {
  t.equal(instanceOf(':80'), undefined);
  t.equal(instanceOf('http://'), undefined);
  t.equal(instanceOf('*'), '*');
  t.equal(instanceOf('http://a:80/b'), 'http://a:80/b');
  t.end();
});

t.test('is a URI reference or absent for every request target', (t) => {
  const start = fc.constantFrom('', '/', '//', 'http://', 'a:', ':', '?', '#');
  const target = fc.tuple(start, fc.string({ unit: 'binary' })).map((parts) => parts.join(''));
  fc.assert(
    fc.property(target, (sent) => {
      const instance = instanceOf(sent);
      return instance === undefined || isUriReference(instance);
    }),
    { numRuns: 2_000 },
  );
  t.end();
});
