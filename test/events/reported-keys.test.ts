import fc from 'fast-check';
import t from 'tap';
import type { Bucket, BucketEntry } from '../../src/events/nats-bucket.ts';
import { canBeKept, keyOf, readKeys } from '../../src/events/reported-keys.ts';

/** A bucket in memory, which refuses everything from the given number of writes on. */
class MemoryBucket implements Bucket {
  readonly ttlMs = 0;
  readonly content = new Map<string, BucketEntry>();
  lastRevision = 0;
  writesLeft = Infinity;

  read(prefix: string): Promise<Map<string, BucketEntry>> {
    const under = [...this.content].filter(([key]) => key.startsWith(`${prefix}.`));
    return Promise.resolve(new Map(under.map(([key, entry]) => [key.slice(prefix.length + 1), entry])));
  }

  async put(key: string, value: string): Promise<number> {
    await this.#write();
    this.content.set(key, { value, revision: ++this.lastRevision });
    return this.lastRevision;
  }

  async purge(key: string, revision: number): Promise<void> {
    await this.#write();
    const entry = this.content.get(key);
    if (entry !== undefined && entry.revision <= revision) this.content.delete(key);
  }

  #write(): Promise<void> {
    return this.writesLeft-- > 0 ? Promise.resolve() : Promise.reject(new Error('the bucket is full'));
  }
}

const owner = { namespace: 'containers', providerName: 'sp.1', formerNames: ['sp.0'] };
const keysOfId: ((id: string) => string)[] = [
  (id) => keyOf(owner, id),
  (id) => keyOf({ ...owner, providerName: 'sp.0' }, id),
  (id) => `containers.${id}`,
];

await t.test('names the provider in a key by one part of it, whatever its name', (t) => {
  t.equal(keyOf(owner, 'web'), 'containers/.sp=1.web');
  t.equal(keyOf({ ...owner, providerName: 'sp_1-a' }, 'a.b'), 'containers/.sp_1-a.a.b');
  t.ok(canBeKept('a.b'));
  t.notOk(canBeKept('a..b'));
  t.notOk(canBeKept('a b'));
  t.end();
});

await t.test('loses no key, wherever taking them over is broken off, and ends with one each', async (t) => {
  const stored = fc.uniqueArray(fc.record({ id: fc.nat({ max: 9 }), kind: fc.nat({ max: 2 }) }), {
    selector: ({ id, kind }) => `${id} ${kind}`,
    maxLength: 20,
  });
  await fc.assert(
    fc.asyncProperty(stored, fc.array(fc.nat({ max: 8 }), { maxLength: 4 }), async (keys, breaks) => {
      const bucket = new MemoryBucket();
      for (const { id, kind } of keys) await bucket.put(keysOfId[kind]!(`c${id}`), `value of ${id}`);
      await bucket.put('containers/.other.c1', 'value of another');
      await bucket.put('containers.c2-of-another-namespace', 'not ours');
      const ids = [...new Set(keys.map(({ id }) => `c${id}`))].sort();
      const isKept = (id: string) => keysOfId.some((key) => bucket.content.has(key(id)));
      const isOurs = (value: string) => value !== 'not ours';
      for (const writes of breaks) {
        bucket.writesLeft = writes;
        await readKeys(bucket, owner, isOurs).catch(() => undefined);
        if (!ids.every(isKept)) return false;
      }
      bucket.writesLeft = Infinity;
      const read = await readKeys(bucket, owner, isOurs);
      const left = [...bucket.content.keys()].sort();
      const expected = [
        'containers.c2-of-another-namespace',
        'containers/.other.c1',
        ...ids.map((id) => keyOf(owner, id)),
      ];
      const hasValues = [...read].every(([id, { value, revision }]) => {
        const entry = bucket.content.get(keyOf(owner, id));
        return value === `value of ${id.slice(1)}` && entry?.revision === revision;
      });
      return hasValues && JSON.stringify(left) === JSON.stringify(expected.sort());
    }),
    { numRuns: 500 },
  );
  t.pass();
});
