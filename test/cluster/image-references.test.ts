/** What is an image reference here is one for the kubelets that are to pull it, and nothing else is. */
import fc from 'fast-check';
import t from 'tap';
import { imageReferences, oddImageReferences } from '../../scripts/fuzz/near-valid.ts';
import { imageReferenceVerdicts } from '../../scripts/image-references/verdicts.ts';
import { imageReferenceViolation } from '../../src/containers/image-reference.ts';

const hub = ['', 'docker.io/', 'index.docker.io/', 'Docker.io/', 'localhost/', 'docker.io/library/', 'a.b/', 'a.b:1/'];
const given = [
  ...[
    ' nginx',
    'nginx ',
    'NGINX:latest',
    'https://a.b/c',
    '${IMG}',
    'nginx:',
    'nginx@',
    'nginx:@',
    ':1',
    '@',
    '/',
    'a/',
  ],
  ...[
    'a//b',
    '/a',
    'a.b/',
    'a_b.c/x',
    'a..b/x',
    'A/b',
    'A_b/c',
    'a:b/c',
    'a:1/b',
    'a:1:2',
    'a/b:c/d',
    'localhost',
    '[::1]',
  ],
  ...[
    '[::1]/a',
    '[::1]:5/a',
    '[::1',
    '[abc]/a',
    '[]/a',
    '[:]/a',
    '-a',
    'a-',
    'a-/b',
    'a---b',
    'a___b',
    'a._b',
    'a.b_c/d',
  ],
  ...['f'.repeat(64), `${'f'.repeat(64)}:1`, `a@${'f'.repeat(64)}`, `a@sha256:${'F'.repeat(64)}`, 'a@md5:0'],
  ...[
    `a:1@sha256:${'0'.repeat(64)}`,
    `a@sha256:${'0'.repeat(64)}:1`,
    `a@sha256:${'0'.repeat(63)}`,
    `a@sha512:${'0'.repeat(64)}`,
  ],
  ...[
    `a@sha256+b64:${'0'.repeat(64)}`,
    `a@sha384:${'0'.repeat(96)}`,
    `a:${'t'.repeat(128)}`,
    `a:${'t'.repeat(129)}`,
    'a:.b',
    'a:_b',
  ],
  ...hub.flatMap((host) => [247, 248, 255, 256].map((length) => `${host}${'n'.repeat(length)}`)),
  ...hub.map((host) => `${host}x/${'n'.repeat(253)}`),
  ...hub.map((host) => `${host}x/${'n'.repeat(254)}`),
];

t.test('the verdict on references, and on what is nearly one, is that of the module of kubelets', async (t) => {
  const seed = Number(process.env['SP_TEST_SEED'] ?? Date.now() % 1_000_000);
  const sample = (arbitrary: fc.Arbitrary<string>) => fc.sample(arbitrary, { numRuns: 5_000, seed });
  const references = [...given, ...sample(imageReferences), ...sample(oddImageReferences)].filter(
    (reference) => reference !== '' && reference.length <= 4_096,
  );
  const verdicts = await imageReferenceVerdicts(references);
  const wrong = references
    .map((reference, index) => ({ reference, theirs: verdicts[index], ours: imageReferenceViolation(reference) }))
    .filter(({ theirs, ours }) => theirs !== (ours === undefined));
  t.strictSame(wrong.slice(0, 20), [], `seed ${seed}`);
  const taken = verdicts.filter((verdict) => verdict).length;
  t.ok(taken > 4_000 && taken < references.length - 2_000, `${taken} of ${references.length} are references`);
});
