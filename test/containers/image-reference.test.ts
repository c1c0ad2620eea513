import t from 'tap';
import { findSpecViolations } from '../../src/containers/rules.ts';

const sha256 = '0123456789abcdef'.repeat(4);

function violations(reference: unknown): { detail: string; pointer?: string }[] {
  return findSpecViolations({ image: { reference } });
}

t.test('references of images are taken as kubelets take them', (t) => {
  for (const reference of [
    'nginx',
    'nginx:1.29',
    'library/nginx:latest',
    'localhost/app',
    'localhost:5000/team/app:v1',
    'Registry.Example:443/a/b__c/d--e.f:_T.1-x',
    '192.0.2.1:80/app',
    '[2001:db8::1]:5000/app',
    'a.b_c/app',
    `nginx@sha256:${sha256}`,
    `docker.io/library/nginx:1.29@sha512:${sha256}${sha256}`,
    `registry.example/${'p'.repeat(255)}:${'t'.repeat(128)}`,
    'n'.repeat(247),
    `index.docker.io/${'n'.repeat(247)}`,
    `docker.io/a/${'n'.repeat(253)}`,
  ]) {
    t.same(violations(reference), [], reference);
  }
  t.end();
});

t.test('what can never be pulled is refused, and said where it is wrong', (t) => {
  for (const [reference, detail] of [
    [' nginx', /white space/],
    ['nginx\n', /white space/],
    ['nginx\u00a0', /white space/],
    ['https://registry.example/app', /scheme/],
    ['docker://app', /scheme/],
    ['${IMG}', /variables/],
    ['app:${TAG}', /variables/],
    ['NGINX:latest', /lower case, unlike "NGINX"/],
    ['registry.example/Team/app', /lower case, unlike "Team"/],
    ['nginx:', /a tag after ":"/],
    [`nginx:@sha256:${sha256}`, /a tag after ":"/],
    ['nginx:-1', /tag .* not "-1"/],
    ['nginx:1:2', /tag .* not "1:2"/],
    [`nginx:${'t'.repeat(129)}`, /tag of at most 128 .* not "t{62}…"/],
    ['nginx@', /after "@" a digest .* not ""/],
    [`nginx@sha256:${sha256.toUpperCase()}`, /after "@" a digest/],
    ['nginx@md5:0123', /digest .* not "md5:0123"/],
    [':1', /name of a repository/],
    ['/nginx', /empty part/],
    ['registry.example/', /empty part/],
    ['a//b', /empty part/],
    ['a:b/c', /before its first "\/" a host name .* not "a:b"/],
    ['-a.b/c', /before its first "\/" a host name .* not "-a.b"/],
    ['nginx-', /unlike "nginx-"/],
    ['a/b___c', /unlike "b___c"/],
    ['nginx?x', /unlike "nginx\?x"/],
    [sha256, /image id/],
    [`registry.example/${'p'.repeat(256)}`, /at most 255 characters/],
    ...['docker.io', 'index.docker.io'].map(
      (host) => [`${host}/${'n'.repeat(248)}`, /at most 247 characters/] as const,
    ),
    ['a/B/C', /lower case, unlike "B"/],
    ['a/b?/C', /letters and digits, .* unlike "b\?"/],
    [`a/${'?'.repeat(63)}`, /unlike "\?{63}"/],
    [`a/${'?'.repeat(64)}`, /unlike "\?{62}…"/],
    ['n'.repeat(248), /at most 247 characters/],
  ] as const) {
    const [violation, ...others] = violations(reference);
    t.match(violation, { detail, pointer: '/spec/image/reference' }, reference);
    t.same(others, [], reference);
  }
  t.end();
});

t.test('what the schema tells is not told again', (t) => {
  for (const reference of ['', 5, null, undefined, {}, 'A'.repeat(4_097)]) t.same(violations(reference), []);
  t.end();
});
