import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { connect, ErrorCode, NatsError, StringCodec } from 'nats';
import t from 'tap';
import { parseNatsUrls } from '../../src/config/nats-urls.ts';
import type { Bucket } from '../../src/events/nats-bucket.ts';
import { createStatusEvents } from '../../src/events/status-events.ts';
import type { StatusEventsOptions } from '../../src/events/status-events.ts';
import { startRealNatsServer, withoutNatsServer } from '../../scripts/sandbox/nats/nats-server.ts';
import { MemorySource } from '../support/container-source.ts';
import { deliveryOf } from '../support/delivery.ts';
import { RecordingPublisher } from '../support/event-publisher.ts';
import { openEventStream } from '../support/event-stream.ts';
import { subscribeEvents } from '../support/events.ts';
import { captureLog } from '../support/log-lines.ts';
import { ManualLeadership } from '../support/manual-leadership.ts';
import { deployment, pod } from '../support/observed.ts';
import { until } from '../support/until.ts';

const { encode } = StringCodec();
const bucketName = 'reported';
const cannotBeUsed = 'the key-value bucket cannot be used, events go out all the same';
const lostAndMade = 'the key-value bucket was lost and made anew, all keys are written again';
const compared = 'compared what was reported with the cluster';

/** A provider with a bucket; it starts with what the source has, and dies without a word with `crash`. */
function providerOf(url: string, source = new MemorySource(), options: Partial<StatusEventsOptions> = {}) {
  const { log, lines } = captureLog();
  const parts = createStatusEvents({
    source,
    natsServers: parseNatsUrls(url),
    providerName: 'sp',
    namespace: 'containers',
    debounceMs: 10,
    resyncPeriodMs: 600_000,
    bucketName,
    log,
    ...options,
  });
  const logged = (msg: string) => lines.filter((line) => line.msg === msg);
  const settled = () => parts.stats().outbox.unconfirmed === 0 && parts.stats().bucket?.owed === 0;
  return {
    source,
    stats: parts.stats,
    logged,
    /** @param filled - whether the caches have all that there is by then */
    start(filled = true) {
      void parts.nats.start();
      void parts.events.start();
      if (filled) source.becomeReady();
    },
    /** Until nothing waits, in the outbox and for the bucket. */
    settled: () => until('all is confirmed and remembered', settled),
    compared: (times = 1) => until('the keys were compared', () => logged(compared).length >= times),
    /** Ends before anything more is published. */
    async crash() {
      await parts.nats.stop(AbortSignal.abort());
      await parts.events.stop(AbortSignal.abort());
    },
    async stop(withinMs = 10_000) {
      const deadline = AbortSignal.timeout(withinMs);
      await parts.events.stop(deadline);
      await parts.nats.stop(deadline);
    },
    [Symbol.asyncDispose]() {
      return this.stop();
    },
  };
}

/** The bucket as an operator sees it. */
async function bucketAt(url: string) {
  const connection = await connect({ servers: url, maxReconnectAttempts: -1, reconnectTimeWait: 50 });
  const jetStream = connection.jetstream();
  const manager = await connection.jetstreamManager();
  const stream = `KV_${bucketName}`;
  return {
    manager,
    jetStream,
    /** Everything that is stored, by key. */
    async content(): Promise<Record<string, unknown>> {
      const { state } = await manager.streams.info(stream, { subjects_filter: '>' });
      const subjects = Object.keys(state.subjects ?? {});
      const entries = subjects.map(async (subject) => {
        const message = await manager.streams.getMessage(stream, { last_by_subj: subject });
        return [subject.replace(`$KV.${bucketName}.`, ''), message.json()] as const;
      });
      return Object.fromEntries(await Promise.all(entries));
    },
    messages: async () => (await manager.streams.info(stream)).state.messages,
    async put(key: string, value: object) {
      const kv = await jetStream.views.kv(bucketName);
      await kv.put(key, encode(JSON.stringify(value)));
    },
    [Symbol.asyncDispose]: () => connection.close(),
  };
}

/** The subjects of keys and events, as they come in. */
async function subjectsAt(url: string): Promise<string[]> {
  const connection = await connect({ servers: url });
  t.teardown(() => connection.close());
  const subjects: string[] = [];
  for (const subject of ['$KV.>', 'dcm.>']) {
    connection.subscribe(subject, { callback: (_, message) => void subjects.push(message.subject) });
  }
  await connection.flush();
  return subjects;
}

/** The subjects of the table under "Permissions in NATS", all of its rows together. */
async function documentedPermissions(bucket: string): Promise<{ publish: string[]; subscribe: string[] }> {
  const text = await readFile(join(import.meta.dirname, '../../docs/operations.md'), 'utf8');
  const table = /## Permissions in NATS\n\n([^\n]*\|\n)+/.exec(text)![0];
  const rows = table.split('\n').filter((line) => line.startsWith('|'));
  const subjects = (column: number) =>
    rows.flatMap((row) => [...row.split('|')[column]!.matchAll(/`([^`]+)`/g)].map(([, subject]) => subject!));
  const named = (column: number) => subjects(column).map((subject) => subject.replaceAll('BUCKET', bucket));
  return { publish: named(2), subscribe: named(3) };
}

/** A container whose Deployment has the uid. */
function setRunning(source: MemorySource, containerId: string, uid: string): void {
  source.set(containerId, { deployment: deployment({ containerId, uid }), pods: [pod({ containerId })] });
}

const skip = { skip: withoutNatsServer };

await t.test('tells of the end of a container that was deleted while no provider ran', skip, async (t) => {
  await using server = await startRealNatsServer({ jetStream: true });
  await using events = await subscribeEvents(server.url);
  await using bucket = await bucketAt(server.url);
  const source = new MemorySource();
  const former = providerOf(server.url, source);
  former.start();
  setRunning(source, 'stays', 'uid-1');
  setRunning(source, 'goes', 'uid-2');
  await events.waitFor('goes', 'RUNNING');
  await former.settled();
  t.strictSame(await bucket.content(), {
    'containers/.sp.stays': { deployment: 'uid-1', namespace: 'namespace-1' },
    'containers/.sp.goes': { deployment: 'uid-2', namespace: 'namespace-1' },
  });
  await former.crash();

  source.delete('goes');
  await using later = providerOf(server.url, source);
  later.start();
  const { data } = await events.waitFor('goes', 'DELETED');
  t.strictSame(data, { id: 'goes', status: 'DELETED', message: 'Container was deleted.' });
  await later.settled();
  t.strictSame(events.statuses('stays'), ['RUNNING']);
  t.strictSame(Object.keys(await bucket.content()), ['containers/.sp.stays']);
  t.equal(await bucket.messages(), 1, 'what is purged leaves nothing behind');
});

await t.test('keeps no trace of containers that came and went, and a key of each that exists', skip, async (t) => {
  await using server = await startRealNatsServer({ jetStream: true });
  await using bucket = await bucketAt(server.url);
  await using provider = providerOf(server.url);
  provider.start();
  for (let id = 0; id < 300; id++) setRunning(provider.source, `c${id}`, `uid-${id}`);
  await until('all are reported', () => provider.stats().outbox.published >= 300);
  await provider.settled();
  t.equal(await bucket.messages(), 300);
  for (let id = 0; id < 300; id++) setRunning(provider.source, `c${id}`, `uid-${id}`);
  for (let id = 1; id < 300; id++) provider.source.delete(`c${id}`);
  await until('their ends are reported', () => provider.stats().outbox.published >= 599);
  await provider.settled();
  t.equal(await bucket.messages(), 1);
});

await t.test('never reports what another namespace has, or one of the same name that is gone', skip, async (t) => {
  await using server = await startRealNatsServer({ jetStream: true });
  await using events = await subscribeEvents(server.url);
  await using bucket = await bucketAt(server.url);
  await bucket.put('other.web', { deployment: 'uid-1', namespace: 'namespace-2' });
  await bucket.put('containers.former', { deployment: 'uid-2', namespace: 'namespace-0' });
  await bucket.put('containers.broken', {});
  await bucket.put('containers.ours', { deployment: 'uid-3', namespace: 'namespace-1' });
  await using provider = providerOf(server.url);
  provider.start();
  await events.waitFor('ours', 'DELETED');
  await provider.settled();
  t.strictSame(
    events.received.map(({ event }) => event.data.id),
    ['ours'],
  );
  t.strictSame(Object.keys(await bucket.content()).sort(), ['containers.broken', 'containers.former', 'other.web']);
});

await t.test('goes by the name alone where the namespace may not be read', skip, async (t) => {
  await using server = await startRealNatsServer({ jetStream: true });
  await using events = await subscribeEvents(server.url);
  await using bucket = await bucketAt(server.url);
  await bucket.put('containers.gone', { deployment: 'uid-1', namespace: 'namespace-0' });
  await using provider = providerOf(server.url);
  provider.source.uid = undefined;
  provider.start();
  await events.waitFor('gone', 'DELETED');
  setRunning(provider.source, 'web', 'uid-2');
  await events.waitFor('web', 'RUNNING');
  await provider.settled();
  t.strictSame(await bucket.content(), { 'containers/.sp.web': { deployment: 'uid-2' } });
});

await t.test('takes nothing for deleted that was created while the keys were read and listed', skip, async (t) => {
  await using server = await startRealNatsServer({ jetStream: true });
  await using events = await subscribeEvents(server.url);
  await using bucket = await bucketAt(server.url);
  await using provider = providerOf(server.url);
  provider.source.onList = async () => {
    await bucket.put('containers.late', { deployment: 'uid-1', namespace: 'namespace-1' });
  };
  provider.start();
  await provider.compared();
  setRunning(provider.source, 'web', 'uid-2');
  await events.waitFor('web', 'RUNNING');
  t.strictSame(events.of('late'), [], 'its key came after the keys were read');
});

await t.test('tells of the end that came after the list and before the caches were filled', skip, async (t) => {
  await using server = await startRealNatsServer({ jetStream: true });
  await using events = await subscribeEvents(server.url);
  await using bucket = await bucketAt(server.url);
  await bucket.put('containers.goes', { deployment: 'uid-1', namespace: 'namespace-1' });
  await bucket.put('containers.stays', { deployment: 'uid-2', namespace: 'namespace-1' });
  await using provider = providerOf(server.url);
  let lists = 0;
  provider.source.onList = () => {
    lists++;
  };
  setRunning(provider.source, 'goes', 'uid-1');
  setRunning(provider.source, 'stays', 'uid-2');
  provider.start(false);
  await until('the cluster was asked', () => lists > 0);
  provider.source.delete('goes');
  provider.source.becomeReady();
  await events.waitFor('goes', 'DELETED');
  await provider.compared();
  await provider.settled();
  t.strictSame(events.statuses('stays'), ['RUNNING']);
  t.strictSame(Object.keys(await bucket.content()), ['containers/.sp.stays']);
});

await t.test('sends the key of a container ahead of its first event', skip, async (t) => {
  await using server = await startRealNatsServer({ jetStream: true });
  await using bucket = await bucketAt(server.url);
  const arrived = await subjectsAt(server.url);
  await using provider = providerOf(server.url);
  provider.source.delayMs = 300;
  setRunning(provider.source, 'early', 'uid-1');
  provider.start();
  await until('the event arrived', () => arrived.includes('dcm.container'));
  await provider.settled();
  t.strictSame(arrived, [`$KV.${bucketName}.containers/.sp.early`, 'dcm.container']);
  t.equal(await bucket.messages(), 1);
});

await t.test('knows a namespace that is made anew while it runs', skip, async (t) => {
  await using server = await startRealNatsServer({ jetStream: true });
  await using events = await subscribeEvents(server.url);
  await using bucket = await bucketAt(server.url);
  await using provider = providerOf(server.url);
  provider.start();
  setRunning(provider.source, 'old', 'uid-1');
  setRunning(provider.source, 'same', 'uid-2');
  await events.waitFor('old', 'RUNNING');
  await events.waitFor('same', 'RUNNING');
  await provider.settled();
  provider.source.uid = 'namespace-2';
  setRunning(provider.source, 'overtakes', 'uid-3');
  await events.waitFor('overtakes', 'RUNNING');
  provider.source.delete('old');
  setRunning(provider.source, 'same', 'uid-4');
  setRunning(provider.source, 'new', 'uid-5');
  await events.waitFor('old', 'DELETED');
  await events.waitFor('new', 'RUNNING');
  const keys = {
    'containers/.sp.same': { deployment: 'uid-4', namespace: 'namespace-2' },
    'containers/.sp.overtakes': { deployment: 'uid-3', namespace: 'namespace-2' },
    'containers/.sp.new': { deployment: 'uid-5', namespace: 'namespace-2' },
  };
  await until('the keys are those of the new namespace', async () =>
    isDeepStrictEqual(await bucket.content().catch(() => ({})), keys),
  );
  t.strictSame(await bucket.content(), keys);
});

await t.test('knows a namespace that is made anew after everything in it was deleted at once', skip, async (t) => {
  await using server = await startRealNatsServer({ jetStream: true });
  await using events = await subscribeEvents(server.url);
  await using bucket = await bucketAt(server.url);
  await using provider = providerOf(server.url);
  provider.start();
  const former = ['one', 'two', 'three'];
  for (const id of former) setRunning(provider.source, id, `uid-${id}`);
  for (const id of former) await events.waitFor(id, 'RUNNING');
  await provider.settled();
  for (const id of former) provider.source.delete(id);
  for (const id of former) await events.waitFor(id, 'DELETED');
  await provider.settled();
  provider.source.uid = 'namespace-2';
  setRunning(provider.source, 'new', 'uid-new');
  await events.waitFor('new', 'RUNNING');
  const keys = { 'containers/.sp.new': { deployment: 'uid-new', namespace: 'namespace-2' } };
  await until('the key is that of the new namespace', async () => isDeepStrictEqual(await bucket.content(), keys));
  t.pass('it is');
});

await t.test('does not ask for the namespace with each container that comes or goes', skip, async (t) => {
  await using server = await startRealNatsServer({ jetStream: true });
  await using events = await subscribeEvents(server.url);
  await using provider = providerOf(server.url);
  provider.start();
  setRunning(provider.source, 'stays', 'uid-0');
  await events.waitFor('stays', 'RUNNING');
  await provider.settled();
  for (let round = 1; round < 20; round++) {
    setRunning(provider.source, `c${round}`, `uid-${round}`);
    await events.waitFor(`c${round}`, 'RUNNING');
    provider.source.delete(`c${round}`);
    await events.waitFor(`c${round}`, 'DELETED');
  }
  t.ok(provider.source.namespaceReads <= 2, `${provider.source.namespaceReads} reads`);
});

await t.test('does not remove the key of an id that was taken again', skip, async (t) => {
  await using server = await startRealNatsServer({ jetStream: true });
  await using events = await subscribeEvents(server.url);
  await using bucket = await bucketAt(server.url);
  await using provider = providerOf(server.url);
  provider.start();
  setRunning(provider.source, 'web', 'uid-1');
  await events.waitFor('web', 'RUNNING');
  for (let round = 2; round < 12; round++) {
    provider.source.delete('web');
    await events.waitFor('web', 'DELETED', events.of('web').at(-1));
    setRunning(provider.source, 'web', `uid-${round}`);
    await events.waitFor('web', 'RUNNING', events.of('web').at(-1));
  }
  await provider.settled();
  t.strictSame(await bucket.content(), { 'containers/.sp.web': { deployment: 'uid-11', namespace: 'namespace-1' } });
  t.equal(await bucket.messages(), 1);
});

await t.test('waits for a cluster that is away before it takes anything for deleted', skip, async (t) => {
  await using server = await startRealNatsServer({ jetStream: true });
  await using events = await subscribeEvents(server.url);
  await using bucket = await bucketAt(server.url);
  await bucket.put('containers.gone', { deployment: 'uid-1', namespace: 'namespace-1' });
  await using provider = providerOf(server.url);
  provider.source.isAway = true;
  provider.start();
  await until('it was tried', () => provider.logged(cannotBeUsed).length > 0);
  t.strictSame(events.received, []);
  provider.source.isAway = false;
  await events.waitFor('gone', 'DELETED');
});

await t.test('publishes all the same without JetStream, and says so once', skip, async (t) => {
  await using server = await startRealNatsServer();
  await using events = await subscribeEvents(server.url);
  await using provider = providerOf(server.url);
  provider.start();
  for (let id = 0; id < 1_500; id++) setRunning(provider.source, `c${id}`, `uid-${id}`);
  await until('all are reported', () => events.received.length === 1_500);
  provider.source.delete('c0');
  await events.waitFor('c0', 'DELETED');
  await until('it was tried again', () => provider.logged(cannotBeUsed).length > 1);
  t.strictSame(provider.logged(cannotBeUsed).filter(({ level }) => level === 'warn').length, 1);
  t.equal(provider.stats().bucket?.open, false);
  t.equal(provider.stats().bucket?.owed, 1_500, 'the keys of those that exist, and the removal of one');
});

await t.test('publishes all the same where the bucket is not permitted', skip, async (t) => {
  const configuration = `authorization { users = [
    { user: sp, password: p, permissions: { publish: { allow: ["dcm.container", "$JS.API.STREAM.NAMES"] } } }
    { user: admin, password: p }
  ] }
  no_auth_user: admin`;
  await using server = await startRealNatsServer({ jetStream: true, configuration });
  await using events = await subscribeEvents(server.url);
  await using provider = providerOf(server.url.replace('//', '//sp:p@'));
  provider.start();
  setRunning(provider.source, 'web', 'uid-1');
  await events.waitFor('web', 'RUNNING');
  await until('it is confirmed', () => provider.stats().outbox.unconfirmed === 0);
  t.match(provider.logged(cannotBeUsed), [{ level: 'warn', err: { code: 'PERMISSIONS_VIOLATION' } }]);
});

await t.test('needs no more permissions than docs/operations.md names', skip, async (t) => {
  const allowed = await documentedPermissions(bucketName);
  const configuration = `authorization { users = [
    { user: sp, password: p, permissions: {
      publish: { allow: ${JSON.stringify(allowed.publish)} }, subscribe: { allow: ${JSON.stringify(allowed.subscribe)} } } }
    { user: admin, password: p }
  ] }
  no_auth_user: admin`;
  await using server = await startRealNatsServer({ jetStream: true, configuration });
  await using events = await openEventStream(server.url);
  await using bucket = await bucketAt(server.url);
  const source = new MemorySource();
  const former = providerOf(server.url.replace('//', '//sp:p@'), source);
  former.start();
  setRunning(source, 'goes', 'uid-1');
  setRunning(source, 'stays', 'uid-2');
  for (const id of ['goes', 'stays']) await events.waitFor(id, 'RUNNING');
  await former.settled();
  t.equal(former.stats().publisher.confirmedBy, 'stream');
  t.strictSame(former.logged(cannotBeUsed), [], 'it may make the bucket and write keys');
  await former.crash();
  source.delete('goes');
  await using later = providerOf(server.url.replace('//', '//sp:p@'), source);
  later.start();
  await events.waitFor('goes', 'DELETED');
  await later.settled();
  t.strictSame(later.logged(cannotBeUsed), [], 'it may read and remove them');
  t.strictSame(Object.keys(await bucket.content()), ['containers/.sp.stays']);
});

await t.test('pays what it owes to a bucket that was full, while events go out', skip, async (t) => {
  await using server = await startRealNatsServer({ jetStream: true });
  await using events = await subscribeEvents(server.url);
  await using bucket = await bucketAt(server.url);
  await using provider = providerOf(server.url);
  provider.start();
  setRunning(provider.source, 'first', 'uid-0');
  await events.waitFor('first', 'RUNNING');
  await provider.settled();
  const stream = `KV_${bucketName}`;
  await bucket.manager.streams.update(stream, { max_msgs: 1 });
  for (let id = 1; id < 20; id++) setRunning(provider.source, `c${id}`, `uid-${id}`);
  for (let id = 1; id < 20; id++) await events.waitFor(`c${id}`, 'RUNNING');
  await until('all are confirmed', () => provider.stats().outbox.unconfirmed === 0);
  await until('the keys are owed', () => provider.stats().bucket?.owed === 19);
  provider.source.delete('c1');
  await events.waitFor('c1', 'DELETED');
  await bucket.manager.streams.update(stream, { max_msgs: -1 });
  await provider.settled();
  t.equal(Object.keys(await bucket.content()).length, 19);
});

await t.test('asks a bucket that stays full again less and less often, and says so once', skip, async (t) => {
  await using server = await startRealNatsServer({ jetStream: true });
  await using bucket = await bucketAt(server.url);
  await using provider = providerOf(server.url);
  provider.start();
  setRunning(provider.source, 'first', 'uid-0');
  await until('it is reported', () => provider.stats().outbox.published === 1);
  await provider.settled();
  await bucket.manager.streams.update(`KV_${bucketName}`, { max_msgs: 1 });
  const reads = provider.source.namespaceReads;
  const writes = await subjectsAt(server.url);
  setRunning(provider.source, 'second', 'uid-1');
  await until('it is tried again', () => writes.filter((subject) => subject.startsWith('$KV.')).length >= 4);
  t.ok(provider.source.namespaceReads - reads <= 1, `${provider.source.namespaceReads - reads} reads of the namespace`);
  t.equal(provider.logged(cannotBeUsed).filter(({ level }) => level === 'warn').length, 1);
  t.match(provider.logged(cannotBeUsed)[0], { err: { message: /maximum messages exceeded/ } });
  t.match(provider.stats().bucket, { open: true, owed: 1 });
});

await t.test('opens a bucket that can be read and never takes a key less and less often', async (t) => {
  const { log, lines } = captureLog();
  let opened = 0;
  const bucket: Bucket = {
    ttlMs: 0,
    lastRevision: 0,
    read: () => Promise.resolve(new Map()),
    put: () => Promise.reject(NatsError.errorForCode(ErrorCode.NoResponders)),
    purge: () => Promise.resolve(),
  };
  const source = new MemorySource();
  const publisher = new RecordingPublisher();
  const openBucket = () => Promise.resolve(bucket).finally(() => opened++);
  const part = deliveryOf({ source, publisher, openBucket, debounceMs: 0, log });
  await part.start();
  publisher.connect();
  source.becomeReady();
  await until('it is open', () => part.stats().bucket?.open === true);
  const begunAt = performance.now();
  setRunning(source, 'web', 'uid-1');
  await until('it was opened again', () => opened >= 4);
  const ms = performance.now() - begunAt;
  t.ok(ms >= 500 + 1_000, `three times in ${Math.round(ms)} ms`);
  t.equal(lines.filter(({ level }) => level === 'warn').length, 1);
  t.match(part.stats(), { owedKeys: 1 });
  await part.stop(AbortSignal.abort());
});

await t.test('names the bucket that has to be named in place of one that mirrors it', skip, async (t) => {
  await using server = await startRealNatsServer({ jetStream: true });
  await using events = await subscribeEvents(server.url);
  await using bucket = await bucketAt(server.url);
  await bucket.jetStream.views.kv('original');
  await bucket.manager.streams.add({ name: `KV_${bucketName}`, mirror: { name: 'KV_original' } });
  await using provider = providerOf(server.url);
  provider.start();
  setRunning(provider.source, 'web', 'uid-1');
  await events.waitFor('web', 'RUNNING');
  await until('it was tried again', () => provider.logged(cannotBeUsed).length > 1);
  t.match(provider.logged(cannotBeUsed), [
    { level: 'warn', err: { message: 'the key-value bucket reported mirrors KV_original and takes no keys itself' } },
    { level: 'debug' },
  ]);
});

await t.test('remembers what was reported before the bucket was there, and after it was lost', skip, async (t) => {
  await using server = await startRealNatsServer({ jetStream: true });
  await using events = await subscribeEvents(server.url);
  await using bucket = await bucketAt(server.url);
  await using provider = providerOf(server.url);
  provider.start();
  setRunning(provider.source, 'web', 'uid-1');
  await events.waitFor('web', 'RUNNING');
  await provider.settled();
  await bucket.manager.streams.delete(`KV_${bucketName}`);
  await server.kill();
  await until('the loss is noticed', () => !provider.stats().publisher.connected);
  setRunning(provider.source, 'meanwhile', 'uid-2');
  await server.restart();
  // The subscriber may be back later than the provider.
  await until('it is reported', () => provider.stats().outbox.published === 2);
  await until('both keys are there', async () => (await bucket.messages().catch(() => 0)) === 2);
  t.equal(provider.logged(compared).length, 1);
  t.equal(provider.logged(lostAndMade).length, 1);
  await server.kill();
  await until('the loss is noticed', () => !provider.stats().publisher.connected);
  await server.restart();
  await until('the bucket is open again', () => provider.stats().bucket?.open === true);
  t.equal(provider.logged(lostAndMade).length, 1, 'a bucket that is still there is not lost');
});

await t.test('makes a bucket anew that is removed while it is connected, with what was reported', skip, async (t) => {
  await using server = await startRealNatsServer({ jetStream: true });
  await using events = await subscribeEvents(server.url);
  await using bucket = await bucketAt(server.url);
  await using provider = providerOf(server.url);
  provider.start();
  for (const id of ['web', 'goes']) setRunning(provider.source, id, `uid-${id}`);
  for (const id of ['web', 'goes']) await events.waitFor(id, 'RUNNING');
  await provider.settled();

  await bucket.manager.streams.delete(`KV_${bucketName}`);
  setRunning(provider.source, 'written', 'uid-written');
  await events.waitFor('written', 'RUNNING');
  await until('all keys are there', async () => (await bucket.messages().catch(() => 0)) === 3);

  await bucket.manager.streams.delete(`KV_${bucketName}`);
  provider.source.delete('goes');
  await events.waitFor('goes', 'DELETED');
  await until('the keys of those that exist are there', async () => (await bucket.messages().catch(() => 0)) === 2);
  await provider.settled();
  t.strictSame(Object.keys(await bucket.content()).sort(), ['containers/.sp.web', 'containers/.sp.written']);
  const warnings = provider.logged(cannotBeUsed).filter(({ level }) => level === 'warn');
  t.equal(warnings.length, 2, 'one for each loss');
  t.match(provider.logged(lostAndMade), [
    { level: 'warn', keys: 3 },
    { level: 'warn', keys: 2 },
  ]);
  t.strictSame(
    provider.logged('made the key-value bucket').map(({ level, replicas }) => [level, replicas]),
    [
      ['info', 1],
      ['info', 1],
      ['info', 1],
    ],
  );
  t.equal(provider.logged(compared).length, 1);
});

await t.test('notices by its next write that somebody else made the bucket anew', skip, async (t) => {
  await using server = await startRealNatsServer({ jetStream: true });
  await using events = await subscribeEvents(server.url);
  await using bucket = await bucketAt(server.url);
  await using provider = providerOf(server.url);
  provider.start();
  for (const id of ['one', 'two']) setRunning(provider.source, id, `uid-${id}`);
  for (const id of ['one', 'two']) await events.waitFor(id, 'RUNNING');
  await provider.settled();
  await bucket.manager.streams.delete(`KV_${bucketName}`);
  await bucket.jetStream.views.kv(bucketName);
  setRunning(provider.source, 'three', 'uid-three');
  await events.waitFor('three', 'RUNNING');
  const keys = ['containers/.sp.one', 'containers/.sp.three', 'containers/.sp.two'];
  await until('all keys are there', async () => isDeepStrictEqual(Object.keys(await bucket.content()).sort(), keys));
  await provider.settled();
  t.equal(provider.logged(cannotBeUsed).length, 1);
  t.equal(provider.logged(lostAndMade).length, 1);
});

await t.test('publishes all the same while the bucket that was removed cannot be made anew', skip, async (t) => {
  const permitted = (publish: string) => `authorization { users = [
    { user: sp, password: p, permissions: { publish: { ${publish} } } }
    { user: admin, password: p }
  ] }
  no_auth_user: admin`;
  const create = `$JS.API.STREAM.CREATE.KV_${bucketName}`;
  await using server = await startRealNatsServer({ jetStream: true, configuration: permitted(`deny: ["${create}"]`) });
  await using events = await subscribeEvents(server.url);
  await using bucket = await bucketAt(server.url);
  await bucket.jetStream.views.kv(bucketName);
  await using provider = providerOf(server.url.replace('//', '//sp:p@'));
  provider.start();
  setRunning(provider.source, 'web', 'uid-1');
  await events.waitFor('web', 'RUNNING');
  await provider.settled();
  await bucket.manager.streams.delete(`KV_${bucketName}`);
  for (let id = 0; id < 50; id++) setRunning(provider.source, `c${id}`, `uid-c${id}`);
  for (let id = 0; id < 50; id++) await events.waitFor(`c${id}`, 'RUNNING');
  await until('it was tried again', () => provider.logged(cannotBeUsed).length > 2);
  t.equal(provider.logged(cannotBeUsed).filter(({ level }) => level === 'warn').length, 1);
  t.match(provider.stats().bucket, { open: false, owed: 51 });
  await bucket.jetStream.views.kv(bucketName);
  await provider.settled();
  t.equal(await bucket.messages(), 51);
});

await t.test('a standby writes nothing, and who takes over tells of ends that nobody saw', skip, async (t) => {
  await using server = await startRealNatsServer({ jetStream: true });
  await using events = await subscribeEvents(server.url);
  await using bucket = await bucketAt(server.url);
  await bucket.put('containers.gone', { deployment: 'uid-1', namespace: 'namespace-1' });
  const leadership = new ManualLeadership(false);
  await using provider = providerOf(server.url, new MemorySource(), { leadership });
  provider.start();
  setRunning(provider.source, 'web', 'uid-2');
  await until('it is connected', () => provider.stats().publisher.confirmedBy !== undefined);
  t.equal(await bucket.messages(), 1);
  leadership.set(true);
  await events.waitFor('gone', 'DELETED');
  await events.waitFor('web', 'RUNNING');
  await provider.settled();
  t.strictSame(Object.keys(await bucket.content()), ['containers/.sp.web']);
  leadership.set(false);
  t.match(provider.stats().bucket, { open: false, owed: 0 });
  await bucket.put('containers.later', { deployment: 'uid-3', namespace: 'namespace-1' });
  leadership.set(true);
  await events.waitFor('later', 'DELETED');
});

await t.test('takes over keys without a name, and those of its former names, once', skip, async (t) => {
  await using server = await startRealNatsServer({ jetStream: true });
  await using events = await subscribeEvents(server.url);
  await using bucket = await bucketAt(server.url);
  const valueOf = (uid: string) => ({ deployment: uid, namespace: 'namespace-1' });
  const source = new MemorySource();
  for (let id = 0; id < 250; id++) await bucket.put(`containers.c${id}`, valueOf(`uid-${id}`));
  for (let id = 0; id < 250; id++) setRunning(source, `c${id}`, `uid-${id}`);
  await bucket.put('containers.gone', valueOf('uid-gone'));
  await bucket.put('containers/.sp=old.1.renamed', valueOf('uid-renamed'));
  await bucket.put('containers/.sp=old.stays', valueOf('uid-stays'));
  await bucket.put('containers/.sp=older.another', valueOf('uid-another'));
  await bucket.put('containers.retaken', valueOf('uid-former'));
  await bucket.put('containers/.sp.new.retaken', valueOf('uid-of-a-name-with-a-dot'));
  await bucket.put('containers/.sp=new.retaken', valueOf('uid-retaken'));
  setRunning(source, 'stays', 'uid-stays');
  setRunning(source, 'retaken', 'uid-retaken');
  const options = { providerName: 'sp.new', formerNames: ['sp.old', 'unused'] };
  await using provider = providerOf(server.url, source, options);
  provider.start();
  await events.waitFor('gone', 'DELETED');
  await events.waitFor('1.renamed', 'DELETED');
  await events.waitFor('stays', 'RUNNING');
  await provider.settled();
  t.strictSame(
    events.received
      .filter(({ event }) => event.data.status === 'DELETED')
      .map(({ event }) => event.data.id)
      .sort(),
    ['1.renamed', 'gone'],
  );
  const keys = Object.entries(await bucket.content()).filter(([key]) => !/^containers\/\.sp=new\.c\d+$/.test(key));
  t.strictSame(Object.fromEntries(keys), {
    'containers/.sp=older.another': valueOf('uid-another'),
    'containers/.sp.new.retaken': valueOf('uid-of-a-name-with-a-dot'),
    'containers/.sp=new.stays': valueOf('uid-stays'),
    'containers/.sp=new.retaken': valueOf('uid-retaken'),
  });
  t.equal(await bucket.messages(), 254, 'nothing is left of what was moved');
});

await t.test('providers of two names in one namespace and bucket keep keys of their own', skip, async (t) => {
  await using server = await startRealNatsServer({ jetStream: true });
  await using events = await subscribeEvents(server.url);
  await using bucket = await bucketAt(server.url);
  const sources = { one: new MemorySource(), two: new MemorySource() };
  const started = (name: 'one' | 'two') => {
    const provider = providerOf(server.url, sources[name], { providerName: name });
    provider.start();
    return provider;
  };
  const one = started('one');
  await using two = started('two');
  for (const name of ['one', 'two'] as const) {
    setRunning(sources[name], `${name}-stays`, `uid-${name}-stays`);
    setRunning(sources[name], `${name}-goes`, `uid-${name}-goes`);
    await events.waitFor(`${name}-goes`, 'RUNNING');
  }
  await one.settled();
  await two.settled();
  await one.crash();
  sources.one.delete('one-goes');
  await using later = started('one');
  await events.waitFor('one-goes', 'DELETED');
  await later.settled();
  await two.compared();
  const sent = (source: string) =>
    events.received.filter(({ event }) => event.source === `dcm/providers/${source}`).map(({ event }) => event.data.id);
  t.ok(sent('one').every((id) => id.startsWith('one-')));
  t.ok(sent('two').every((id) => id.startsWith('two-')));
  t.strictSame(Object.keys(await bucket.content()).sort(), [
    'containers/.one.one-stays',
    'containers/.two.two-goes',
    'containers/.two.two-stays',
  ]);
});

await t.test('uses a bucket as it is, and warns of one that forgets', skip, async (t) => {
  await using server = await startRealNatsServer({ jetStream: true });
  await using bucket = await bucketAt(server.url);
  await bucket.jetStream.views.kv(bucketName, { ttl: 3_600_000, history: 5 });
  await using provider = providerOf(server.url);
  provider.start();
  setRunning(provider.source, 'web', 'uid-1');
  await until('it is reported', () => provider.stats().outbox.published === 1);
  await provider.settled();
  t.match(provider.logged('the key-value bucket forgets after a time, and deletions with it'), [
    { level: 'warn', ttlMs: 3_600_000 },
  ]);
  const { config } = await bucket.manager.streams.info(`KV_${bucketName}`);
  t.equal(config.max_msgs_per_subject, 5);
});

await t.test('publishes what waits when it stops though the bucket is still being opened', skip, async (t) => {
  await using server = await startRealNatsServer({ jetStream: true });
  await using events = await subscribeEvents(server.url);
  const provider = providerOf(server.url);
  provider.source.delayMs = 7_000;
  provider.start();
  await until('it is connected', () => provider.logged('connected to NATS').length === 1);
  setRunning(provider.source, 'web', 'uid-1');
  await until('it is put', () => provider.stats().outbox.unconfirmed === 1);
  await provider.stop(3_000);
  t.strictSame(events.statuses('web'), ['RUNNING']);
});
