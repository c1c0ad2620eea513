import fc from 'fast-check';
import t from 'tap';
import type { Container } from '../../src/containers/container.ts';
import { InvalidArgumentError } from '../../src/containers/errors.ts';
import { findFilterViolations, maxFilterDepth, parseFilter } from '../../src/containers/filter.ts';

interface Told {
  status?: Container['status'];
  reconciling?: boolean;
  name?: string;
  image?: string;
  labels?: Record<string, string>;
}

function container({
  status = 'RUNNING',
  reconciling = false,
  name = 'web',
  image = 'web:1',
  labels,
}: Told): Container {
  const time = '2026-01-01T00:00:00Z';
  return {
    ...{ id: 'a', path: 'containers/a', status, reconciling, create_time: time, update_time: time },
    spec: {
      service_type: 'container',
      metadata: { name, ...(labels && { labels }) },
      image: { reference: image },
      resources: { cpu: { min: 1, max: 1 }, memory: { min: '1MB', max: '1MB' } },
    },
  };
}

const shop = container({ labels: { app: 'shop', 'app.kubernetes.io/name': 'web', empty: '' } });
const expectations: [filter: string, matches: boolean][] = [
  ['', true],
  ['  ', true],
  ['status = RUNNING', true],
  ['status=RUNNING', true],
  ['status != RUNNING', false],
  ['status = "RUNNING"', true],
  ["status = 'FAILED'", false],
  ['reconciling = true', false],
  ['reconciling = false', true],
  ['spec.metadata.name = web', true],
  ['spec.metadata.name = we', false],
  ['spec.metadata.name = WEB', false],
  ['spec.image.reference = "web:1"', true],
  ['spec.image.reference = web', false],
  ['spec.metadata.labels.app = shop', true],
  ['spec.metadata.labels.app != shop', false],
  ['spec.metadata.labels.missing = shop', false],
  ['spec.metadata.labels.missing != shop', true],
  ['spec.metadata.labels.constructor != x', true],
  ['spec.metadata.labels:constructor', false],
  ['spec.metadata.labels:app', true],
  ['spec.metadata.labels : "app"', true],
  ['spec.metadata.labels:empty', true],
  ['spec.metadata.labels.empty = ""', true],
  ['spec.metadata.labels:missing', false],
  ['spec.metadata.labels.app:*', true],
  ['spec.metadata.labels.missing:*', false],
  ['spec.metadata.labels."app.kubernetes.io/name" = web', true],
  ['spec.metadata.labels.app.kubernetes.io/name = web', true],
  ['spec.metadata.labels:app.kubernetes.io/name', true],
  ['NOT status = RUNNING', false],
  ['-status = RUNNING', false],
  ['NOT (status = RUNNING)', false],
  ['NOT(status = RUNNING)', false],
  ['-(status = FAILED)', true],
  ['status = RUNNING AND spec.metadata.name = web', true],
  ['status = RUNNING AND spec.metadata.name = x', false],
  ['status = FAILED OR spec.metadata.name = web', true],
  // OR binds more tightly: the other way about these would be the opposite.
  ['status = RUNNING OR status = FAILED AND spec.metadata.name = x', false],
  ['spec.metadata.name = x AND status = FAILED OR status = RUNNING', false],
  ['status = RUNNING OR (status = FAILED AND spec.metadata.name = x)', true],
  ['NOT status = FAILED OR status = FAILED', true],
  ['(status = RUNNING)AND(spec.metadata.name = web)', true],
  ['((status = RUNNING))', true],
  ['status = RUNNING\n  AND reconciling = false', true],
  ['spec.metadata.name = "AND"', false],
  [String.raw`spec.metadata.name = "w\eb"`, true],
  [String.raw`spec.metadata.name != "w\"b"`, true],
];
for (const [filter, matches] of expectations) {
  t.test(`${JSON.stringify(filter)} ${matches ? 'matches' : 'does not match'}`, (t) => {
    t.equal(parseFilter(filter).matches(shop), matches);
    t.end();
  });
}

t.test('a container without labels has none', (t) => {
  t.equal(parseFilter('spec.metadata.labels:app').matches(container({})), false);
  t.equal(parseFilter('spec.metadata.labels.app != x').matches(container({})), true);
  t.end();
});

const anyField =
  'one of status, reconciling, spec.metadata.name, spec.image.reference, spec.metadata.labels.KEY, spec.metadata.labels';
const anyStatus = 'PENDING, RUNNING, FAILED, UNKNOWN, DELETED';
const anyValue = 'a value without "*", in quotes where it has other characters than those of names';
const refusals: [filter: string, detail: string][] = [
  ['running', `must have ${anyField} at character 1, not "running"`],
  ['id = a', `must have ${anyField} at character 1, not "id"`],
  ['spec.metadata = a', `must have ${anyField} at character 1, not "spec.metadata"`],
  ['toString = a', `must have ${anyField} at character 1, not "toString"`],
  ['status', 'must have "=" or "!=" at character 7, not the end'],
  ['status = ', `must have ${anyStatus} at character 10, not the end`],
  ['status = BROKEN', `must have ${anyStatus} at character 10, not "BROKEN"`],
  ['status = running', `must have ${anyStatus} at character 10, not "running"`],
  ['status >= RUNNING', 'must have "=" or "!=" at character 8, not ">="'],
  ['status : RUNNING', 'must have "=" or "!=" at character 8, not ":"'],
  ['status:*', 'must have "=" or "!=" at character 7, not ":*"'],
  ['reconciling = yes', 'must have true, false at character 15, not "yes"'],
  ['spec.metadata.labels = a', 'must have ":" and a key at character 22, not "="'],
  ['spec.metadata.labels:*', 'must have a key at character 22, not "*"'],
  ['spec.metadata.labels.app', 'must have "=", "!=" or ":*" at character 25, not the end'],
  ['spec.metadata.labels.app:shop', 'must have "*" at character 26, not "shop"'],
  ['spec.metadata.name = AND', `must have ${anyValue} at character 22, not "AND"`],
  ['spec.metadata.name = "web', String.raw`must have ${anyValue} at character 22, not "\"web"`],
  ['spec.metadata.name = "web*"', String.raw`must have ${anyValue} at character 22, not "\"web*\""`],
  ['spec.metadata.name = web*', 'must have AND, OR or the end at character 25, not "*"'],
  ['spec.image.reference = web:1', 'must have AND, OR or the end at character 27, not ":1"'],
  ['status = RUNNING and reconciling = true', 'must have AND, OR or the end at character 18, not "and"'],
  ['status = RUNNING reconciling = true', 'must have AND, OR or the end at character 18, not "reconciling"'],
  ['status = RUNNING AND', 'must have AND, OR or the end at character 18, not "AND"'],
  ['status = RUNNING AND ', `must have ${anyField} at character 22, not the end`],
  ['status = "RUNNING"AND reconciling = true', 'must have AND, OR or the end at character 19, not "AND"'],
  ['(status = RUNNING', 'must have AND, OR or ")" at character 18, not the end'],
  ['status = RUNNING)', 'must have AND, OR or the end at character 17, not ")"'],
  ['()', `must have ${anyField} at character 2, not ")"`],
  ['NOT NOT status = RUNNING', `must have ${anyField} at character 5, not "NOT"`],
  ['- status = RUNNING', `must have ${anyField} at character 1, not "-"`],
  ['OR status = RUNNING', `must have ${anyField} at character 1, not "OR"`],
];
for (const [filter, detail] of refusals) {
  t.test(`${JSON.stringify(filter)} is refused with its place`, (t) => {
    t.strictSame(findFilterViolations(filter), [{ detail, parameter: 'filter' }]);
    t.end();
  });
}

t.test('parentheses within each other are bounded', (t) => {
  const nested = (depth: number) => `${'('.repeat(depth)}status = RUNNING${')'.repeat(depth)}`;
  t.equal(parseFilter(nested(maxFilterDepth)).matches(shop), true);
  t.match(findFilterViolations(nested(maxFilterDepth + 1)), [
    { detail: /no more than 20 parentheses .* character 21,/ },
  ]);
  t.equal(
    parseFilter(Array(50).fill('(status = RUNNING)').join(' AND ')).matches(shop),
    true,
    'those side by side are not',
  );
  t.end();
});

t.test('what is no text is left to the schema', (t) => {
  t.strictSame(findFilterViolations(undefined), []);
  t.strictSame(findFilterViolations(['status = RUNNING']), []);
  t.end();
});

/** A filter as a tree, written and judged without the parser. */
type Tree =
  | { kind: 'test'; text: string; holds: (told: Told) => boolean }
  | { kind: 'NOT'; of: Tree; sign: string }
  | { kind: 'AND' | 'OR'; parts: Tree[] };

const names = ['web', 'db', 'a.b'];
const keys = ['app', 'app.kubernetes.io/name', 'x_y'];
const spaces = fc.constantFrom('', ' ', '  ', '\t');
const quotes = fc.constantFrom('', '"', "'");

const comparisons = fc
  .record({
    ...{ field: fc.nat(4), equal: fc.boolean(), before: spaces, after: spaces, quote: quotes },
    ...{ value: fc.constantFrom(...names), key: fc.constantFrom(...keys) },
    ...{ status: fc.constantFrom('RUNNING', 'FAILED'), truth: fc.boolean() },
  })
  .map(({ field, equal, before, after, quote, value, key, status, truth }): Tree => {
    const compare = (name: string, wanted: string, read: (told: Told) => string | undefined): Tree => ({
      kind: 'test',
      text: `${name}${before}${equal ? '=' : '!='}${after}${quote}${wanted}${quote}`,
      holds: (told) => (read(told) === wanted) === equal,
    });
    switch (field) {
      case 0:
        return compare('status', status, (told) => told.status);
      case 1:
        return compare('reconciling', String(truth), (told) => String(told.reconciling));
      case 2:
        return compare('spec.metadata.name', value, (told) => told.name);
      case 3:
        return compare(`spec.metadata.labels.${quote}${key}${quote}`, value, (told) => told.labels?.[key]);
      default:
        return {
          kind: 'test',
          text: equal
            ? `spec.metadata.labels${before}:${after}${quote}${key}${quote}`
            : `spec.metadata.labels.${key}:*`,
          holds: (told) => told.labels?.[key] !== undefined,
        };
    }
  });

const { tree: trees } = fc.letrec<{ tree: Tree }>((tie) => ({
  tree: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    comparisons,
    fc.record({ kind: fc.constant('NOT' as const), of: tie('tree'), sign: fc.constantFrom('NOT ', '-') }),
    fc.record({
      kind: fc.constantFrom('AND' as const, 'OR' as const),
      parts: fc.array(tie('tree'), { minLength: 2, maxLength: 3 }),
    }),
  ),
}));

/** Only what has to stand in parentheses does. */
function textOf(tree: Tree): string {
  if (tree.kind === 'test') return tree.text;
  const within = (part: Tree, bare: readonly Tree['kind'][]) =>
    bare.includes(part.kind) ? textOf(part) : `(${textOf(part)})`;
  if (tree.kind === 'NOT') return tree.sign + within(tree.of, ['test']);
  const bare: Tree['kind'][] = tree.kind === 'AND' ? ['test', 'NOT', 'OR'] : ['test', 'NOT'];
  return tree.parts.map((part) => within(part, bare)).join(` ${tree.kind} `);
}

function holds(tree: Tree, told: Told): boolean {
  if (tree.kind === 'test') return tree.holds(told);
  if (tree.kind === 'NOT') return !holds(tree.of, told);
  return tree.kind === 'AND'
    ? tree.parts.every((part) => holds(part, told))
    : tree.parts.some((part) => holds(part, told));
}

const tolds: fc.Arbitrary<Told> = fc.record({
  status: fc.constantFrom('RUNNING' as const, 'FAILED' as const),
  reconciling: fc.boolean(),
  name: fc.constantFrom(...names),
  labels: fc.dictionary(fc.constantFrom(...keys), fc.constantFrom(...names)),
});

t.test('a filter says what its tree says', (t) => {
  fc.assert(
    fc.property(trees, fc.array(tolds, { minLength: 1, maxLength: 8 }), (tree, all) => {
      const { matches } = parseFilter(textOf(tree));
      return all.every((told) => matches(container(told)) === holds(tree, told));
    }),
    { numRuns: 2_000 },
  );
  t.end();
});

t.test('whatever is sent is a filter, or is refused at a place within it', (t) => {
  const pieces = fc.constantFrom(
    ...['status', 'reconciling', 'spec.metadata.name', 'spec.metadata.labels', '.app', '=', '!=', ':', '*', '(', ')'],
    ...['AND', 'OR', 'NOT', '-', ' ', ' ', ' ', 'RUNNING', 'true', '"', "'", '\\', '"a b"', 'x', '\u00e9', '\ud800'],
  );
  const texts = fc.oneof(
    fc.array(pieces, { maxLength: 30 }).map((parts) => parts.join('')),
    fc.string({ unit: 'binary' }),
  );
  fc.assert(
    fc.property(texts, (text) => {
      const [violation] = findFilterViolations(text);
      if (violation === undefined) return typeof parseFilter(text).matches(shop) === 'boolean';
      const place = Number(/ at character (\d+), not /.exec(violation.detail)?.[1]);
      t.throws(() => parseFilter(text), InvalidArgumentError);
      return place >= 1 && place <= text.length + 1;
    }),
    { numRuns: 5_000 },
  );
  t.end();
});
