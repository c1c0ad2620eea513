/** Arbitrary specs for property tests: whatever the contract allows, unknown fields and odd texts included. */
import fc from 'fast-check';

import type { ContainerSpec } from '../../src/containers/container.ts';

const text = fc.string({ unit: 'binary', maxLength: 20 });
/** Values of unknown fields; -0 is left out, since JSON has none. */
const unknownValue = fc.jsonValue({ maxDepth: 2 }).map((value) => JSON.parse(JSON.stringify(value)) as unknown);
/** Unknown fields have names that the contract does not use. */
const unknownFields = fc.dictionary(
  fc.string({ maxLength: 5 }).map((name) => `x-${name}`),
  unknownValue,
  { maxKeys: 2 },
);
const name = fc.stringMatching(/^[a-z0-9]([-a-z0-9]{0,20}[a-z0-9])?$/);
const environmentName = fc.stringMatching(/^[ -<>-~]{1,12}$/);
const labels = fc.dictionary(fc.stringMatching(/^[a-z]{1,8}$/), fc.stringMatching(/^[a-z0-9]{0,8}$/), { maxKeys: 3 });
const memory = fc
  .tuple(fc.integer({ min: 1, max: 9999 }), fc.constantFrom('MB', 'GB', 'TB'))
  .map((parts) => parts.join(''));
const visibility = fc.constantFrom('none' as const, 'internal' as const, 'external' as const);

function open<Shape extends object>(shape: fc.Arbitrary<Shape>): fc.Arbitrary<Shape> {
  return fc.tuple(shape, unknownFields).map(([known, unknown]) => ({ ...unknown, ...known }));
}

const port = open(fc.record({ container_port: fc.integer({ min: 1, max: 65535 }), visibility }));
const variable = open(fc.record({ name: environmentName, value: text }));
const range = <Bound>(bound: fc.Arbitrary<Bound>) => open(fc.record({ min: bound, max: bound }));
const cores = fc.integer({ min: 1, max: 1_000_000 });

/** Ports and names of variables are unique; that `min` is at most `max` is left to chance. */
export const anySpec = open(
  fc.record(
    {
      service_type: fc.constant('container' as const),
      metadata: open(fc.record({ name, labels }, { requiredKeys: ['name'] })),
      image: open(fc.record({ reference: fc.string({ minLength: 1, maxLength: 30 }) })),
      resources: open(fc.record({ cpu: range(cores), memory: range(memory) })),
      process: open(
        fc.record(
          {
            command: fc.array(text, { maxLength: 3 }),
            args: fc.array(text, { maxLength: 3 }),
            env: fc.uniqueArray(variable, { maxLength: 4, selector: (each) => each.name }),
          },
          { requiredKeys: [] },
        ),
      ),
      network: open(
        fc.record(
          { ports: fc.uniqueArray(port, { maxLength: 4, selector: (each) => each.container_port }) },
          { requiredKeys: [] },
        ),
      ),
      provider_hints: unknownFields,
    },
    { requiredKeys: ['service_type', 'metadata', 'image', 'resources'] },
  ),
) as fc.Arbitrary<ContainerSpec>;
