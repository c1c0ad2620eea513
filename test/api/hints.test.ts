/** Hints for Kubernetes as clients send them: shapes from the contract, permission from the operator. */
import t from 'tap';
import type { Schemas } from '../../generated/client.ts';
import { defaultHintPolicy, hintNames } from '../../src/containers/hints.ts';
import { conformingFetch } from '../../scripts/contract/conformance.ts';
import { containerSpec, startHttpServer } from '../support/http.ts';
import type { HttpServer } from '../support/http.ts';

interface Answer {
  status: number;
  /** Pointer below the hints to what is wrong there. */
  violations: Record<string, string>;
  spec: { provider_hints?: unknown } | undefined;
}

async function create({ url }: HttpServer, hints: unknown): Promise<Answer> {
  const response = await conformingFetch(`${url}/api/v1alpha1/containers`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ spec: { ...containerSpec(), provider_hints: hints } }),
  });
  const body = (await response.json()) as { errors?: Schemas['Problem']['errors']; spec?: Schemas['ContainerSpec'] };
  const violations = (body.errors ?? []).map(
    ({ pointer = '', detail }) => [pointer.replace('/spec/provider_hints/kubernetes', ''), detail] as const,
  );
  return { status: response.status, violations: Object.fromEntries(violations), spec: body.spec };
}

const everything = { ...defaultHintPolicy, hints: new Set(hintNames) };

const good = {
  expand_variables: true,
  readiness_probe: { http_get: { path: '/ready', port: 8080 }, period_seconds: 1 },
  startup_probe: { exec: { command: ['true'] }, failure_threshold: 30 },
  security_context: { run_as_user: 1000, run_as_non_root: true, drop_capabilities: ['ALL'] },
  termination_grace_period_seconds: 5,
};

t.test('hints come back as they were sent, known and unknown', async (t) => {
  await using server = await startHttpServer();
  for (const hints of [
    { kubernetes: good },
    { kubernetes: { ...good, warp_drive: [1, { two: null }] }, podman: { volumes: 'any' } },
    { kubernetes: 'no object' },
    { kubernetes: [] },
    {},
  ]) {
    const { status, violations, spec } = await create(server, hints);
    t.same({ status, violations }, { status: 201, violations: {} }, JSON.stringify(hints));
    t.strictSame(spec?.provider_hints, hints);
  }
  t.match(
    server.logLines.filter(({ hints }) => hints),
    [{ level: 30, hints: ['warp_drive'] }],
  );
  t.notMatch(JSON.stringify(server.logLines), /two/);
});

t.test('variables may be replaced whatever the operator allows', async (t) => {
  await using server = await startHttpServer({ hintPolicy: { ...defaultHintPolicy, hints: new Set() } });
  t.equal((await create(server, { kubernetes: { expand_variables: true } })).status, 201);
});

const refusals: [hints: object, violations: Record<string, string>][] = [
  [{ expand_variables: 'true' }, { '/expand_variables': 'must be true or false' }],
  [{ readiness_probe: null }, { '/readiness_probe': 'must be an object' }],
  [{ readiness_probe: {} }, { '/readiness_probe': 'must have exactly one of http_get, tcp_socket, grpc, exec' }],
  [
    { liveness_probe: { http_get: { port: 0, path: 'x y', host: '10.0.0.1' } } },
    {
      '/liveness_probe/http_get/port': 'must be >= 1',
      '/liveness_probe/http_get/path': 'must be a path that begins with "/" and has no spaces',
      '/liveness_probe/http_get/host': 'is not allowed',
    },
  ],
  [{ liveness_probe: { tcp_socket: { port: '80' } } }, { '/liveness_probe/tcp_socket/port': 'must be an integer' }],
  [
    { security_context: { run_as_user: 0, run_as_group: 0, run_as_non_root: false, privileged: true } },
    {
      '/security_context/run_as_user': 'must be >= 1',
      '/security_context/run_as_group': 'must be >= 1',
      '/security_context/run_as_non_root': 'must be true',
      '/security_context/privileged': 'is not allowed',
    },
  ],
  [{ security_context: { add_capabilities: ['ALL'] } }, { '/security_context/add_capabilities': 'is not allowed' }],
  [{ termination_grace_period_seconds: 601 }, { '/termination_grace_period_seconds': 'must be <= 600' }],
  [
    { volumes: [{ name: 'x', mount_path: '/x', host_path: { path: '/' } }] },
    {
      '/volumes/0': 'must have exactly one of empty_dir, config_map, secret, persistent_volume_claim',
      '/volumes/0/host_path': 'is not allowed',
    },
  ],
  [{ volumes: [{ name: 'x', mount_path: '/x', empty_dir: {} }] }, { '/volumes/0/empty_dir/size_limit': 'is required' }],
];

t.test('a known hint of another shape is refused, with its place', async (t) => {
  await using server = await startHttpServer({ hintPolicy: everything });
  for (const [hints, violations] of refusals) {
    const answer = await create(server, { kubernetes: hints });
    t.match(answer, { status: 400 }, JSON.stringify(hints));
    t.same(answer.violations, violations, JSON.stringify(hints));
  }
});

t.test('a known hint that the operator did not allow is refused, whatever its shape', async (t) => {
  await using server = await startHttpServer();
  const answer = await create(server, { kubernetes: { node_selector: { disktype: 'ssd' }, env_from_secrets: [] } });
  t.equal(answer.status, 400);
  t.same(answer.violations, {
    '/node_selector': 'is not allowed by the operator of this provider',
    '/env_from_secrets': 'is not allowed by the operator of this provider',
  });
});
