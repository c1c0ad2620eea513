/** Whatever is valid passes and comes back as it was sent; whatever is nearly valid is refused where it is not. */
import fc from 'fast-check';
import t from 'tap';
import type { Schemas } from '../../generated/client.ts';
import { startHttpServer } from '../support/http.ts';
import type { HttpServer } from '../support/http.ts';
import { copyOf } from '../../scripts/fuzz/near-valid.ts';
import { parseExactly } from '../../src/containers/json.ts';
import { conformingFetch } from '../../scripts/contract/conformance.ts';
import { containerSpecs } from '../support/container-specs.ts';

type Spec = Schemas['ContainerSpec'];

async function create(server: HttpServer, spec: unknown): Promise<Response> {
  return await conformingFetch(`${server.url}/api/v1alpha1/containers`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ spec }),
  });
}

t.test('any valid spec is accepted and comes back as it was sent', async (t) => {
  await using server = await startHttpServer();
  await fc.assert(
    fc.asyncProperty(containerSpecs(), async (spec) => {
      const response = await create(server, spec);
      const answer = await response.text();
      if (response.status !== 201) throw new Error(answer);
      const { spec: kept } = parseExactly(answer) as Schemas['Container'];
      const { namespace, ...metadata } = kept.metadata;
      const returned = { ...kept, metadata };
      return namespace === 'default' && JSON.stringify(returned) === JSON.stringify(spec);
    }),
    { numRuns: 300 },
  );
  t.pass();
});

/** One thing that is done to a valid spec, and the pointer of the violation that it makes. */
const breaks: { pointer: string; apply: (spec: Spec) => void }[] = [
  { pointer: '/spec/service_type', apply: (spec) => void ((spec.service_type as string) = 'Container') },
  { pointer: '/spec/metadata', apply: (spec) => Reflect.deleteProperty(spec, 'metadata') },
  { pointer: '/spec/metadata/name', apply: (spec) => void (spec.metadata.name += '-') },
  {
    pointer: '/spec/metadata/labels/dcm.project~1x',
    apply: (spec) => void (spec.metadata.labels = { ...spec.metadata.labels, 'dcm.project/x': '' }),
  },
  { pointer: '/spec/metadata/labels/z', apply: (spec) => void (spec.metadata.labels = { z: 'a'.repeat(64) }) },
  { pointer: '/spec/image/reference', apply: (spec) => Reflect.deleteProperty(spec.image, 'reference') },
  {
    pointer: '/spec/resources/cpu/min',
    apply: (spec) => void (spec.resources.cpu = { ...spec.resources.cpu, min: '1001m', max: 1 }),
  },
  { pointer: '/spec/resources/cpu/max', apply: (spec) => void (spec.resources.cpu.max = 1.5) },
  { pointer: '/spec/resources/memory/min', apply: (spec) => void (spec.resources.memory.min += 'i') },
  { pointer: '/spec/resources/memory/max', apply: (spec) => void (spec.resources.memory.max = '0TB') },
  {
    pointer: '/spec/process/env/1/name',
    apply: (spec) => {
      spec.process = {
        ...spec.process,
        env: [
          { name: 'A', value: '' },
          { name: 'A', value: '' },
        ],
      };
    },
  },
  {
    pointer: '/spec/network/ports/0/visibility',
    apply: (spec) => {
      spec.network = { ...spec.network, ports: [{ container_port: 1, visibility: 'all' as never }] };
    },
  },
];

t.test('a spec with any of the things that are not allowed is refused at exactly these', async (t) => {
  await using server = await startHttpServer();
  const someBreaks = fc.uniqueArray(fc.constantFrom(...breaks), {
    minLength: 1,
    maxLength: 4,
    // Not both a member and its parent, nor two that change the same: one would hide the other.
    comparator: (a, b) => clash(a.pointer, b.pointer),
  });
  await fc.assert(
    fc.asyncProperty(containerSpecs(), someBreaks, async (valid, applied) => {
      const spec = copyOf(valid) as unknown as Spec;
      for (const { apply } of applied.toSorted((a, b) => b.pointer.length - a.pointer.length)) apply(spec);
      const response = await create(server, spec);
      const { errors } = (await response.json()) as Schemas['Problem'];
      const pointers = errors?.map(({ pointer }) => pointer).sort();
      const expected = applied.map(({ pointer }) => pointer).sort();
      if (response.status !== 400 || JSON.stringify(pointers) !== JSON.stringify(expected)) {
        throw new Error(`${response.status} ${JSON.stringify(errors)}`);
      }
    }),
    { numRuns: 300 },
  );
  t.equal(server.repository.containers.size, 0);
});

/** Whether one of two violations would change what is said about the other. */
function clash(a: string, b: string): boolean {
  const groups = ['/spec/metadata', '/spec/resources/cpu', '/spec/resources/memory'];
  return a === b || groups.some((group) => a.startsWith(group) && b.startsWith(group));
}
