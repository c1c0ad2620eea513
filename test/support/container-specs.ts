/** Random specs that are valid, small ones and such as reach the limits of what is allowed. */
import fc from 'fast-check';
import type { Schemas } from '../../generated/client.ts';
import { imageReferences, writtenNumbers } from '../../scripts/fuzz/near-valid.ts';

const inner = Array.from('abcdefghijklmnopqrstuvwxyz0123456789');
const dnsLabel = (maxLength: number) =>
  fc
    .tuple(fc.string({ unit: fc.constantFrom(...inner, '-'), maxLength: maxLength - 1 }), fc.constantFrom(...inner))
    .map(([start, end]) => start.replace(/^-/, 'x') + end);
const labelName = fc
  .tuple(
    fc.string({ unit: fc.constantFrom(...inner, ...Array.from('ABC-_.')), maxLength: 62 }),
    fc.constantFrom(...inner),
  )
  .map(([start, end]) => start.replace(/^[-_.]/, 'X') + end);
const labelKey = fc
  .tuple(fc.option(dnsLabel(40)), labelName)
  .map(([prefix, name]) => (prefix === null ? name : `${prefix}.example/${name}`))
  .filter((key) => key !== 'pod-template-hash');
const labels = fc.dictionary(labelKey, fc.oneof(fc.constant(''), labelName), { maxKeys: 5 });

/** Members that the contract does not describe; their names cannot be taken for those that it does. */
const unknownMembers = fc.dictionary(
  fc
    .string({ unit: fc.constantFrom(...inner, ...Array.from('~/ é')), minLength: 1, maxLength: 8 })
    .map((name) => `x-${name}`),
  fc.oneof(fc.jsonValue({ maxDepth: 2 }), writtenNumbers, fc.array(writtenNumbers)),
  { maxKeys: 2 },
);

/** An object with the given members, and some that are unknown. */
function open<T>(members: { [Name in keyof T]: fc.Arbitrary<T[Name]> }, optional: (keyof T)[] = []): fc.Arbitrary<T> {
  const requiredKeys = (Object.keys(members) as (keyof T)[]).filter((name) => !optional.includes(name));
  const described = fc.record(members, { requiredKeys, noNullPrototype: true });
  return fc.tuple(described, unknownMembers).map(([known, unknown]) => ({ ...unknown, ...known }));
}

const range = <T>(value: fc.Arbitrary<T>, compare: (a: T, b: T) => number) =>
  fc.tuple(value, value).map((pair) => pair.sort(compare));

/** Whole cores as a number or as text, and millicores. */
const cpuAmount = fc
  .tuple(
    fc.oneof(fc.integer({ min: 1, max: 8 }), fc.integer({ min: 1, max: 1_000_000 })),
    fc.constantFrom('number', 'text', 'millicores'),
  )
  .map(([count, form]) => {
    if (form === 'millicores') return { sent: `${count}m`, millicores: count };
    return { sent: form === 'text' ? String(count) : count, millicores: count * 1_000 };
  });
const cpu = range(cpuAmount, (a, b) => a.millicores - b.millicores).map((pair) => pair.map(({ sent }) => sent));

interface Amount {
  text: string;
  megabytes: number;
}
const amount: fc.Arbitrary<Amount> = fc
  .tuple(fc.integer({ min: 1, max: 8_388_607 }), fc.constantFrom('MB', 'GB', 'TB'))
  .map(([count, unit]) => ({ text: `${count}${unit}`, megabytes: count * 1024 ** ['MB', 'GB', 'TB'].indexOf(unit) }));
const memory = range(amount, (a, b) => a.megabytes - b.megabytes);

const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 20 }).map((value) => value.toWellFormed()),
  fc.string({ unit: fc.constantFrom('$', '$$', '(', ')', 'A', '$(A)', '\n'), maxLength: 8 }),
);
const environmentName = fc
  .string({ unit: 'grapheme-ascii', minLength: 1, maxLength: 12 })
  .filter((n) => !n.includes('='));

export function containerSpecs(): fc.Arbitrary<Schemas['ContainerSpec']> {
  const bounds = <T>([min, max]: T[]) => ({ min, max });
  const environment = fc.uniqueArray(fc.tuple(environmentName, text), { selector: ([name]) => name, maxLength: 4 });
  const ports = fc.uniqueArray(
    open<{ container_port: number; visibility: 'none' | 'internal' | 'external'; protocol?: 'TCP' | 'UDP' }>(
      {
        container_port: fc.oneof(fc.integer({ min: 1, max: 65_535 }), fc.integer({ min: 52, max: 53 })),
        visibility: fc.constantFrom('none', 'internal', 'external'),
        protocol: fc.constantFrom('TCP', 'UDP'),
      },
      ['protocol'],
    ),
    { selector: ({ container_port: port, protocol = 'TCP' }) => `${port}/${protocol}`, maxLength: 4 },
  );
  return open<Record<string, unknown>>(
    {
      service_type: fc.constant('container'),
      metadata: open({ name: dnsLabel(63), labels }, ['labels']),
      image: open({ reference: imageReferences }),
      resources: open({
        cpu: cpu.map(bounds),
        memory: memory.map((pair) => bounds(pair.map(({ text: value }) => value))),
      }),
      process: open(
        {
          command: fc.array(text, { maxLength: 3 }),
          args: fc.array(text, { maxLength: 3 }),
          env: environment.map((pairs) => pairs.map(([name, value]) => ({ name, value }))),
        },
        ['command', 'args', 'env'],
      ),
      network: open({ ports }, ['ports']),
      provider_hints: fc.oneof(
        unknownMembers,
        fc.boolean().map((expands) => ({ kubernetes: { expand_variables: expands } })),
      ),
    },
    ['process', 'network', 'provider_hints'],
  ) as fc.Arbitrary<Schemas['ContainerSpec']>;
}
