/** Which hints a client may use, beside their shapes. */
import fc from 'fast-check';
import t from 'tap';
import {
  defaultHintPolicy,
  findHintViolations,
  hintNames,
  kubernetesHints,
  unknownHints,
} from '../../src/containers/hints.ts';
import type { HintPolicy } from '../../src/containers/hints.ts';
import type { ContainerSpec } from '../../src/containers/container.ts';
import { containerSpec } from '../support/base-spec.ts';

const everything: HintPolicy = {
  hints: new Set(hintNames),
  pullSecrets: new Set(['registry']),
  serviceAnnotations: new Set(['example.com/one', 'cloud.example/*', 'plain']),
  claims: new Set(['shared', 'data-*']),
};
const specWith = (kubernetes: object) => ({ provider_hints: { kubernetes } });
const violations = (kubernetes: object, policy = everything): Record<string, string> =>
  Object.fromEntries(
    findHintViolations(specWith(kubernetes), policy).map(({ pointer = '', detail }) => [
      pointer.replace('/spec/provider_hints/kubernetes', ''),
      detail,
    ]),
  );
const notAllowed = 'is not allowed by the operator of this provider';

t.test('a hint that the operator does not allow is refused by name', (t) => {
  const hints = {
    node_selector: { a: 'b' },
    tolerations: [{ operator: 'Exists' }],
    image_pull_secrets: [{ name: 'registry' }],
    service_annotations: { plain: '' },
    env_from_secrets: [{ name: 'x' }],
    volumes: [
      { name: 'a', mount_path: '/a', empty_dir: { size_limit: '1MB' } },
      { name: 'b', mount_path: '/b', config_map: { name: 'x' } },
      { name: 'c', mount_path: '/c', secret: { secret_name: 'x' } },
      { name: 'd', mount_path: '/d', persistent_volume_claim: { claim_name: 'shared' } },
    ],
  };
  t.same(violations(hints, defaultHintPolicy), {
    '/node_selector': notAllowed,
    '/tolerations': notAllowed,
    '/image_pull_secrets': notAllowed,
    '/service_annotations': notAllowed,
    '/env_from_secrets': notAllowed,
    '/volumes/0/empty_dir': notAllowed,
    '/volumes/1/config_map': notAllowed,
    '/volumes/2/secret': notAllowed,
    '/volumes/3/persistent_volume_claim': notAllowed,
  });
  t.same(violations(hints), {});
  const none: HintPolicy = { ...defaultHintPolicy, hints: new Set() };
  t.same(violations({ readiness_probe: { tcp_socket: { port: 1 } }, termination_grace_period_seconds: 5 }, none), {
    '/readiness_probe': notAllowed,
    '/termination_grace_period_seconds': notAllowed,
  });
  t.end();
});

t.test('probes, security and the time to end are allowed where the operator says nothing', (t) => {
  const port = { tcp_socket: { port: 1 } };
  const hints = {
    readiness_probe: port,
    liveness_probe: port,
    startup_probe: port,
    security_context: { run_as_non_root: true },
    termination_grace_period_seconds: 5,
    expand_variables: true,
  };
  t.same(violations(hints, defaultHintPolicy), {});
  t.same(unknownHints(specWith(hints)), []);
  t.same(kubernetesHints(specWith(hints) as unknown as ContainerSpec), hints);
  for (const other of [{}, { provider_hints: {} }, { provider_hints: { kubernetes: 5 } }]) {
    t.equal(kubernetesHints(other as unknown as ContainerSpec), undefined);
  }
  t.end();
});

t.test('a selector of nodes is one of labels', (t) => {
  t.same(violations({ node_selector: { 'a b': '', a: 'b c', 'example.com/a': 'b' } }), {
    '/node_selector/a b': 'must have a key in the syntax of Kubernetes labels',
    '/node_selector/a': 'must be in the syntax of the values of Kubernetes labels',
  });
  t.end();
});

t.test('unknown hints and those of other platforms are ignored, and named for the log', (t) => {
  t.same(violations({ warp_drive: true }, defaultHintPolicy), {});
  t.same(findHintViolations({ provider_hints: { podman: { volumes: 5 } } }, defaultHintPolicy), []);
  t.same(unknownHints(specWith({ warp_drive: 'secret', volumes: [], readiness_probe: {} })), ['warp_drive']);
  t.same(unknownHints({}), []);
  const many = Object.fromEntries(Array.from({ length: 50 }, (_, index) => [`${'x'.repeat(100)}${index}`, 1]));
  t.equal(unknownHints(specWith(many)).length, 10);
  t.ok(unknownHints(specWith(many)).every((name) => name.length <= 63));
  t.end();
});

t.test('a probe has one way to ask', (t) => {
  const detail = 'must have exactly one of http_get, tcp_socket, grpc, exec';
  t.same(violations({ readiness_probe: {}, liveness_probe: { http_get: { port: 1 }, exec: { command: ['x'] } } }), {
    '/readiness_probe': detail,
    '/liveness_probe': detail,
  });
  t.same(violations({ liveness_probe: { grpc: { port: 1 }, success_threshold: 2 } }), {
    '/liveness_probe/success_threshold': 'must be 1',
  });
  t.same(violations({ readiness_probe: { grpc: { port: 1 }, success_threshold: 2 } }), {});
  t.end();
});

t.test('tolerations are those of Kubernetes', (t) => {
  t.same(
    violations({
      tolerations: [
        {},
        { key: 'a', operator: 'Exists', value: 'x' },
        { key: 'a', toleration_seconds: 5 },
        { key: 'a b', value: 'c d' },
        { key: 'a', value: 'x', effect: 'NoExecute', toleration_seconds: 5 },
      ],
    }),
    {
      '/tolerations/0/key': 'is required unless operator is Exists',
      '/tolerations/1/value': 'must be absent where operator is Exists',
      '/tolerations/2/toleration_seconds': 'goes with the effect NoExecute alone',
      '/tolerations/3/key': 'must be in the syntax of the keys of Kubernetes labels',
      '/tolerations/3/value': 'must be in the syntax of the values of Kubernetes labels',
    },
  );
  t.end();
});

t.test('claims are those that the operator named, or that begin as named', (t) => {
  const claims = ['shared', 'data-', 'data-1', 'shared-1', 'data', 'other'];
  const volumes = claims.map((claim_name, index) => ({
    ...{ name: `v${index}`, mount_path: `/v${index}` },
    persistent_volume_claim: { claim_name },
  }));
  const at = (index: number) => `/volumes/${index}/persistent_volume_claim/claim_name`;
  t.same(violations({ volumes }), { [at(3)]: notAllowed, [at(4)]: notAllowed, [at(5)]: notAllowed });
  t.same(violations({ volumes }, { ...everything, claims: new Set(['*']) }), {});
  t.equal(Object.keys(violations({ volumes }, { ...everything, claims: new Set() })).length, claims.length);
  t.end();
});

t.test('Secrets and annotations are those that the operator named', (t) => {
  t.same(violations({ image_pull_secrets: [{ name: 'registry' }, { name: 'other' }] }), {
    '/image_pull_secrets/1/name': notAllowed,
  });
  t.same(
    violations({
      service_annotations: {
        'example.com/one': '',
        'example.com/two': '',
        'cloud.example/any': '',
        plain: '',
        other: '',
        'dcm.project/container-spec': '',
        'no key': '',
      },
    }),
    {
      '/service_annotations/example.com~1two': notAllowed,
      '/service_annotations/other': notAllowed,
      '/service_annotations/dcm.project~1container-spec': notAllowed,
      '/service_annotations/no key': 'must have a key in the syntax of Kubernetes annotations',
    },
  );
  const careless: HintPolicy = { ...everything, serviceAnnotations: new Set(['dcm.project/*', '*']) };
  t.same(violations({ service_annotations: { 'dcm.project/x': '', x: '' } }, careless), {
    '/service_annotations/dcm.project~1x': notAllowed,
    '/service_annotations/x': notAllowed,
  });
  t.end();
});

t.test('volumes have one kind each, and names and places of their own', (t) => {
  const cache = { name: 'cache', mount_path: '/cache', empty_dir: { size_limit: '1MB' } };
  t.same(
    violations({ volumes: [cache, { name: 'x', mount_path: '/x' }, { ...cache, secret: { secret_name: 'x' } }] }),
    {
      '/volumes/1': 'must have exactly one of empty_dir, config_map, secret, persistent_volume_claim',
      '/volumes/2': 'must have exactly one of empty_dir, config_map, secret, persistent_volume_claim',
      '/volumes/2/name': 'must not be the same as /spec/provider_hints/kubernetes/volumes/0/name',
      '/volumes/2/mount_path': 'must not be the same as /spec/provider_hints/kubernetes/volumes/0/mount_path',
    },
  );
  for (const [path, detail] of Object.entries({
    '/': 'must not be the root of the file system',
    '//.': 'must not be the root of the file system',
    '/./a/..': 'must not have ".." in it',
    '/a/../..': 'must not have ".." in it',
  })) {
    t.same(violations({ volumes: [{ ...cache, mount_path: path }] }), { '/volumes/0/mount_path': detail }, path);
  }
  t.end();
});

t.test('a place is the same however its path is written', (t) => {
  const at = (path: string, index: number) => ({
    name: `v${index}`,
    mount_path: path,
    empty_dir: { size_limit: '1MB' },
  });
  for (const path of ['/a/', '//a', '/./a', '/a/.', '/a//']) {
    t.same(
      violations({ volumes: ['/a', path].map(at) }),
      { '/volumes/1/mount_path': 'must not be the same as /spec/provider_hints/kubernetes/volumes/0/mount_path' },
      path,
    );
  }
  t.same(violations({ volumes: ['/a', '/A', '/a/b', '/aa'].map(at) }), {});
  t.end();
});

t.test('what is named as parts of prototypes are is no hint, and gives none', (t) => {
  const volumes = [{ name: 'keys', mount_path: '/keys', secret: { secret_name: 'keys' } }];
  for (const text of [
    JSON.stringify({ kubernetes: { constructor: { prototype: { volumes } } } }),
    `{"kubernetes":{"__proto__":${JSON.stringify({ volumes })}}}`,
    `{"__proto__":${JSON.stringify({ kubernetes: { volumes } })}}`,
  ]) {
    const spec = { ...containerSpec(), provider_hints: JSON.parse(text) as Record<string, unknown> };
    t.same(findHintViolations(spec, defaultHintPolicy), [], text);
    t.equal(kubernetesHints(spec)?.volumes, undefined, text);
    t.equal(({} as { volumes?: unknown }).volumes, undefined, text);
  }
  t.end();
});

t.test('no text has half of a surrogate pair', (t) => {
  const half = '\ud800';
  const detail = 'must not have half of a surrogate pair';
  t.same(
    violations({
      readiness_probe: { exec: { command: ['cat', half] } },
      liveness_probe: { grpc: { port: 1, service: half } },
      startup_probe: { exec: { command: [half] } },
      service_annotations: { 'example.com/one': half, 'cloud.example/a': '\ud83d\ude00' },
    }),
    {
      '/readiness_probe/exec/command/1': detail,
      '/liveness_probe/grpc/service': detail,
      '/startup_probe/exec/command/0': detail,
      '/service_annotations/example.com~1one': detail,
    },
  );
  t.end();
});

t.test('a volume of its own has a size', (t) => {
  const sized = (size: string) => ({ volumes: [{ name: 'a', mount_path: '/a', empty_dir: { size_limit: size } }] });
  for (const size of ['0MB', '000GB', '0TB', '0000000000TB']) {
    t.same(violations(sized(size)), { '/volumes/0/empty_dir/size_limit': 'must be more than zero' }, size);
  }
  t.same(violations(sized('1MB')), {});
  t.same(violations(sized('00000000000TB')), {}, 'the schema tells that it is too long');
  t.end();
});

t.test('the rules say nothing of what the schema refuses, and never throw', (t) => {
  const key = fc.constantFrom('kubernetes', 'provider_hints', 'name', 'key', ...hintNames, 'volumes', '__proto__');
  const anything = fc.oneof(fc.object({ key, maxDepth: 5 }), fc.anything());
  fc.assert(
    fc.property(anything, (kubernetes) =>
      Array.isArray(findHintViolations(specWith({ ...(kubernetes as object) }), everything)),
    ),
  );
  for (const kubernetes of [null, 5, [], { readiness_probe: null, volumes: {}, node_selector: [], tolerations: 5 }]) {
    t.same(findHintViolations({ provider_hints: { kubernetes } }, everything), []);
  }
  t.end();
});
